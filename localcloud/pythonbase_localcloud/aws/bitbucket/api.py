"""The part of Bitbucket Cloud's REST API that builds and their reports need: pull requests and build statuses.

In the box, ``https://api.bitbucket.org`` is this. It takes one token, `BITBUCKET_TOKEN`.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pythonbase_localcloud.box.hosts import BITBUCKET_TOKEN

from . import pull_requests, repositories, statuses

Answer = tuple[int, Mapping[str, Any]]
_REPOSITORY = re.compile(r"/2\.0/repositories/(?P<repository>[\w-]+/[\w.-]+)/(?P<rest>.+?)/?")


class Outage:
    """Answers with an error while it lasts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._status, self._requests = 0, 0

    def begin(self, status: int, requests: int) -> None:
        """Answer the next requests with this status; 0 ends the outage."""
        with self._lock:
            self._status, self._requests = status, requests

    def status(self) -> int:
        """The status for the next request; 0 when all is well."""
        with self._lock:
            if self._requests <= 0:
                return 0
            self._requests -= 1
            return self._status


class Api:
    """Answers requests; `directory` holds the bare repositories."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.outage = Outage()

    def respond(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Status and document."""
        failure = self.outage.status()
        if failure:
            return _error(failure, "the local cloud plays an outage of Bitbucket")
        if not _authorized(headers.get("authorization", "")):
            return _error(401, "Token is invalid, expired, or not supported for this endpoint.")
        match = _REPOSITORY.fullmatch(path)
        if match is None or repositories.find(self._directory, match["repository"]) is None:
            return _error(404, f"Repository not found: {path}")
        try:
            return self._perform(f"{method} {match['rest']}", match["repository"], json.loads(body or b"{}"))
        except (pull_requests.PullRequestError, statuses.StatusError, json.JSONDecodeError) as error:
            return _error(400, str(error))
        except (KeyError, TypeError) as error:
            return _error(400, f"a member is missing or wrong: {error}")

    def _perform(self, request: str, repository: str, values: Any) -> Answer:
        for pattern, operation in self._operations().items():
            found = re.fullmatch(pattern, request)
            if found:
                return operation(repository, found.groups(), values)
        return _error(404, f"the local cloud does not know {request}")

    def _operations(self) -> Mapping[str, Callable[[str, tuple[str, ...], Any], Answer]]:
        return {
            r"POST commit/([0-9a-f]{40})/statuses/build": self._put_status,
            r"GET commit/([0-9a-f]{40})/statuses": lambda repository, names, _: _page(
                statuses.of_commit(repository, names[0])
            ),
            r"POST pullrequests": self._open,
            r"GET pullrequests": lambda repository, *_: _page(
                [_shown(item) for item in pull_requests.of_repository(repository)]
            ),
            r"POST pullrequests/(\d+)/decline": lambda repository, names, _: (
                200,
                _shown(pull_requests.close(self._directory, repository, int(names[0]), state="DECLINED")),
            ),
            r"GET pullrequests/(\d+)/statuses": self._statuses_of_pull_request,
        }

    def _put_status(self, repository: str, names: tuple[str, ...], values: Mapping[str, Any]) -> Answer:
        path = repositories.find(self._directory, repository)
        if path is None or repositories.commit_of(path, names[0]) is None:
            return _error(404, f"Commit not found: {names[0]}")
        record, new = statuses.put(repository, names[0], values)
        return 201 if new else 200, record

    def _open(self, repository: str, _: tuple[str, ...], values: Mapping[str, Any]) -> Answer:
        record = pull_requests.open_(
            self._directory,
            repository,
            title=str(values["title"]),
            source=str(values["source"]["branch"]["name"]),
            destination=str(values.get("destination", {}).get("branch", {}).get("name", "main")),
        )
        return 201, _shown(record)

    def _statuses_of_pull_request(self, repository: str, names: tuple[str, ...], _: object) -> Answer:
        record = next((item for item in pull_requests.of_repository(repository) if str(item["id"]) == names[0]), None)
        if record is None:
            return _error(404, f"there is no pull request {names[0]}")
        # Bitbucket shows those only that name the source branch.
        found = statuses.of_commit(repository, record["commit"])
        return _page([item for item in found if item["refname"] == record["source"]])


def _authorized(authorization: str) -> bool:
    """An access token is sent as bearer, an API token with the account's e-mail address:
    https://support.atlassian.com/bitbucket-cloud/docs/using-api-tokens/"""
    scheme, _, credential = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return credential == BITBUCKET_TOKEN
    try:
        user, _, password = base64.b64decode(credential, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return False
    return scheme.lower() == "basic" and "@" in user and password == BITBUCKET_TOKEN


def _shown(record: Mapping[str, Any]) -> dict[str, Any]:
    """A pull request in the API's form."""
    return {
        "type": "pullrequest",
        "id": record["id"],
        "title": record["title"],
        "state": record["state"],
        "source": {"branch": {"name": record["source"]}, "commit": {"hash": record["commit"]}},
        "destination": {"branch": {"name": record["destination"]}},
    }


def _page(values: list[dict[str, Any]]) -> Answer:
    return 200, {"size": len(values), "page": 1, "pagelen": len(values), "values": values}


def _error(status: int, message: str) -> Answer:
    return status, {"type": "error", "error": {"message": message}}
