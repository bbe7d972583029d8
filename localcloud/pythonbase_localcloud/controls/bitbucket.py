"""The way to the stand-in for Bitbucket's API from outside the box."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pythonbase_localcloud.box.hosts import BITBUCKET_API, BITBUCKET_TOKEN
from pythonbase_localcloud.instance import DEFAULT_ACCOUNT, SECRET_ACCESS_KEY, Instance
from pythonbase_localcloud.machine.commands import LocalCloudError


class BitbucketError(LocalCloudError):
    """Bitbucket refuses; the text is its own."""


@dataclass(frozen=True)
class BitbucketApi:
    """Pull requests and build statuses of a running instance. Every method raises `BitbucketError`."""

    instance: Instance

    def open_pull_request(self, repository: str, *, source: str, destination: str = "main", title: str = "") -> int:
        """Open a pull request between two branches; returns its number. A push to `source` updates it."""
        answer = self._call(
            "POST",
            f"{repository}/pullrequests",
            {
                "title": title or source,
                "source": {"branch": {"name": source}},
                "destination": {"branch": {"name": destination}},
            },
        )
        return int(answer["id"])

    def decline_pull_request(self, repository: str, number: int) -> None:
        """Close a pull request."""
        self._call("POST", f"{repository}/pullrequests/{number}/decline", {})

    def statuses(self, repository: str, commit: str) -> dict[str, dict[str, Any]]:
        """Build statuses of a commit by their keys."""
        return {item["key"]: item for item in self._call("GET", f"{repository}/commit/{commit}/statuses")["values"]}

    def statuses_of_pull_request(self, repository: str, number: int) -> dict[str, dict[str, Any]]:
        """What a pull request shows: the build statuses of its newest commit by their keys."""
        answer = self._call("GET", f"{repository}/pullrequests/{number}/statuses")
        return {item["key"]: item for item in answer["values"]}

    def fail(self, status: int = 503, *, requests: int) -> None:
        """Answer the next requests with this status."""
        self._control({"status": status, "requests": requests})

    def recover(self) -> None:
        """End what `fail` began."""
        self._control({"status": 0, "requests": 0})

    def _call(self, method: str, path: str, values: Mapping[str, Any] | None = None) -> Any:
        headers = {"Host": BITBUCKET_API, "Authorization": f"Bearer {BITBUCKET_TOKEN}"}
        return self._send(method, f"/2.0/repositories/{path}", values, headers)

    def _control(self, values: Mapping[str, Any]) -> None:
        headers = {"x-localcloud-access-key": DEFAULT_ACCOUNT, "x-localcloud-secret": SECRET_ACCESS_KEY}
        self._send("POST", "/_localcloud/bitbucket/outage", values, headers)

    def _send(self, method: str, path: str, values: Mapping[str, Any] | None, headers: Mapping[str, str]) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the endpoint is the instance's own, over HTTPS
            f"{self.instance.endpoint_url}{path}",
            method=method,
            data=None if values is None else json.dumps(values).encode(),
            headers={**headers, "Content-Type": "application/json"},
        )
        trust = ssl.create_default_context(cafile=self.instance.ca_bundle)
        try:
            with urllib.request.urlopen(request, context=trust, timeout=30) as response:  # noqa: S310 - as above
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            with error:
                text = error.read().decode(errors="replace")
            raise BitbucketError(f"{method} {path}: {error.code} {text}") from None
        except OSError as error:
            raise BitbucketError(f"Bitbucket is not stood in for by this instance: {error}") from None
