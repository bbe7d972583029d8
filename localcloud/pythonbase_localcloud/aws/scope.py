"""Account and region of the current request, for code that runs outside a request."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import Any

from .seams import responses


def account() -> str:
    """Account of the current request or of the thread started by `spawn`."""
    return str(responses.get_account_id())


def region() -> str:
    """Region of the current request or of the thread started by `spawn`."""
    return str(responses.get_region())


def scoped(account_id: str, region_name: str) -> Any:
    """Context manager that pins account and region around a block."""
    return responses.request_scope(account_id, region_name)


def spawn(function: Callable[..., None], *arguments: Any, name: str) -> threading.Thread:
    """Run `function` in a daemon thread that keeps the caller's account and region."""
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(function, *arguments), daemon=True, name=f"localcloud-{name}")
    thread.start()
    return thread
