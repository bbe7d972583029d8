"""Build statuses of commits: https://developer.atlassian.com/cloud/bitbucket/rest/api-group-commit-statuses/"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from pythonbase_localcloud.aws import store

_STATES = ("SUCCESSFUL", "FAILED", "INPROGRESS", "STOPPED")
_LONGEST_KEY = 40

# Repository and commit -> its statuses by key.
_all = store.scoped_store("bitbucket", "statuses")


class StatusError(Exception):
    """Bitbucket refuses the status; the text says why."""


def put(repository: str, commit: str, status: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """Record a status; one with the same key is overwritten. Returns it, and whether the key is new.

    Raises `StatusError`.
    """
    key, state, url = (str(status.get(name) or "") for name in ("key", "state", "url"))
    if not key or len(key) > _LONGEST_KEY:
        raise StatusError(f"key: ensure this value has 1 to {_LONGEST_KEY} characters (it has {len(key)})")
    if state not in _STATES:
        raise StatusError(f"state: {state!r} is not one of {', '.join(_STATES)}")
    if not url.startswith(("https://", "http://")):
        raise StatusError("url: enter a valid URL")
    known = of_commit(repository, commit)
    before = next((item for item in known if item["key"] == key), None)
    now = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    record = {
        "type": "build",
        "key": key,
        "state": state,
        "url": url,
        "name": str(status.get("name") or ""),
        "description": str(status.get("description") or ""),
        "refname": str(status.get("refname") or ""),
        "created_on": before["created_on"] if before else now,
        "updated_on": now,
    }
    _all[f"{repository}/{commit}"] = [*(item for item in known if item["key"] != key), record]
    return record, before is None


def of_commit(repository: str, commit: str) -> list[dict[str, Any]]:
    """The statuses of a commit, in the order in which they changed."""
    found: list[dict[str, Any]] = _all.get(f"{repository}/{commit}") or []
    return found
