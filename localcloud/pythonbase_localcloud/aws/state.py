"""Saves the whole state: MiniStack's and ours, at shutdown and, because a box can be killed, while it changes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from . import seams, store

log = logging.getLogger("localcloud")

_INTERVAL_SECONDS = 15.0
_ATTEMPTS = 20
_RETRY_SECONDS = 0.05
_saving = threading.Lock()
_changed = threading.Event()
_soon = threading.Event()
_SOON_SECONDS = 0.3
"""What changes within it is saved at once."""
_SHARE = 10
"""On a busy machine a save takes seconds: this many times as long nothing is saved after it."""


def changed(*, soon: bool = False) -> None:
    """Something was written; the next round saves. `soon`: what a killed server must still know begins it now."""
    _changed.set()
    if soon:
        _soon.set()


def save() -> None:
    """Write everything to disk now."""
    with _saving:
        _changed.clear()
        started = time.monotonic()
        states = {**seams.app._build_persistence_save_dict(), **store.states()}
        seams.persistence.save_all({name: partial(_copied, get) for name, get in states.items()})
        log.info("state saved in %.1f s", time.monotonic() - started)


def _copied(get_state: Callable[[], Any]) -> Any:
    """A service's state. Requests go on meanwhile, and copying a dictionary that grows raises RuntimeError."""
    for _ in range(_ATTEMPTS):
        try:
            return get_state()
        except RuntimeError:
            time.sleep(_RETRY_SECONDS)
    return get_state()


def start() -> None:
    """Save in the background whenever something has changed."""
    # One line a service and save would drown the server's log.
    seams.persistence.logger.setLevel(logging.WARNING)
    threading.Thread(target=_run, daemon=True, name="localcloud-state").start()


def _run() -> None:
    took = 0.0
    while True:
        time.sleep(took * _SHARE)
        if _soon.wait(_INTERVAL_SECONDS):
            time.sleep(_SOON_SECONDS)
            _soon.clear()
        started = time.monotonic()
        if _changed.is_set():
            try:
                save()
            except Exception:
                log.exception("the state could not be saved")
        took = time.monotonic() - started
