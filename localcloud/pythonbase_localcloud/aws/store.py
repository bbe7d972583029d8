"""State of our own services: scoped by account and region, saved and loaded with MiniStack's."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

from . import seams

_stores: dict[str, dict[str, Any]] = {}
_after_load: list[Callable[[], None]] = []


def scoped_store(service: str, name: str) -> Any:
    """A dictionary per account and region whose content survives a restart. Values must be JSON."""
    store = seams.responses.AccountRegionScopedDict()
    _stores.setdefault(service, {})[name] = store
    return store


def after_load(function: Callable[[], None]) -> Callable[[], None]:
    """Run `function` once the saved state is there, before the first request."""
    _after_load.append(function)
    return function


def load() -> None:
    """Fill every store from disk."""
    for service, stores in _stores.items():
        saved = seams.persistence.load_state(f"localcloud-{service}") or {}
        for name, store in stores.items():
            if name in saved:
                # All accounts and Regions; `update` would take those of the present scope only.
                for (account, region, key), value in saved[name].all_items():
                    store.set_scoped(account, region, key, value)
    for function in _after_load:
        function()


def states() -> dict[str, Callable[[], Any]]:
    """What to save: by name of the file, a function that copies the stores."""
    return {f"localcloud-{service}": partial(copy.deepcopy, stores) for service, stores in _stores.items()}
