"""The local cloud's own paths: what a person does in a console, and what time and bad luck do. For root only."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from pythonbase_localcloud.aws.eventbridge import event_targets
from pythonbase_localcloud.aws.small_services import codeconnections

from . import faults, scope, seams, state
from .bitbucket.api import Api as BitbucketApi
from .bitbucket.watcher import Watcher
from .json_service import ApiError
from .registry.expiration import LifecyclePolicies

PREFIX = "/_localcloud/"

_CONNECTION = re.compile(r"connections/(?P<arn>.+)/(?P<what>authorize|pend)")
_STATUSES = {"authorize": "AVAILABLE", "pend": "PENDING"}
_EXPIRE = re.compile(r"repositories/(?P<name>.+)/expire")
_Answer = tuple[int, Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Controls:
    """Answers requests below `PREFIX`."""

    lifecycle_policies: LifecyclePolicies
    bitbucket: BitbucketApi
    watcher: Watcher

    def respond(self, method: str, path: str, headers: Mapping[str, str], query: bytes, body: bytes) -> _Answer:
        """Status and JSON of the answer. `path` is unquoted."""
        name = path.removeprefix(PREFIX)
        key = headers.get("x-localcloud-access-key", "")
        secret = headers.get("x-localcloud-secret", "")
        credential: Any = seams.iam_evaluator.resolve_credential(key, key) if key else None
        if getattr(credential, "principal_type", "") != "Root" or secret != credential.secret_access_key:
            return 403, {"message": "only root may do this: on AWS, a person does it in a console, or nobody can"}
        if name == "faults":
            return _faults(method, body)
        if method == "POST":
            found = self._post(name, str(credential.account_id), query, body)
            if found:
                return found
        return 404, {"message": f"the local cloud does not know {method} {path}"}

    def _post(self, name: str, account: str, query: bytes, body: bytes) -> _Answer | None:
        connection, expire = _CONNECTION.fullmatch(name), _EXPIRE.fullmatch(name)
        if connection:
            return self._set_connection(connection["arn"], _STATUSES[connection["what"]])
        if expire:
            return self._expire(expire["name"], account, parse_qs(query.decode()))
        values: Mapping[str, Any] = json.loads(body or b"{}")
        if name == "crash":
            _crash(durable=bool(values.get("durable")))
        if name == "schedules/run":
            return _run_schedule(account, values)
        if name == "bitbucket/outage":
            self.bitbucket.outage.begin(int(values["status"]), int(values["requests"]))
            return 200, values
        return None

    def _set_connection(self, arn: str, status: str) -> _Answer:
        self.watcher.catch_up()  # what was pushed before the handshake starts nothing, and before its loss does
        try:
            return 200, codeconnections.set_status(arn, status)
        except KeyError:
            return 404, {"message": f"there is no connection {arn}"}

    def _expire(self, name: str, account: str, values: Mapping[str, list[str]]) -> _Answer:
        try:
            now, region = float(values["now"][0]), values["region"][0]
        except (KeyError, ValueError):
            return 400, {"message": "needs ?now=<seconds since the epoch>&region=<region>"}
        try:
            with scope.scoped(account, region):
                return 200, {"expired": self.lifecycle_policies.carry_out(name, now=now)}
        except ApiError as error:
            return error.status, {"message": error.message}


def _faults(method: str, body: bytes) -> _Answer:
    if method == "GET":
        return 200, faults.state()
    if method == "DELETE":
        faults.clear()
        return 200, {}
    try:
        return 200, faults.order(json.loads(body or b"{}"))
    except faults.FaultRequestError as error:
        return 400, {"message": str(error)}


def _run_schedule(account: str, values: Mapping[str, Any]) -> _Answer:
    region = str(values.get("region") or scope.region())
    try:
        event_targets.run_schedule(account, region, str(values.get("group")), str(values.get("schedule")))
    except KeyError:
        return 404, {"message": f"there is no schedule {values.get('schedule')} in group {values.get('group')}"}
    return 200, {}


def _crash(*, durable: bool) -> None:
    if durable:
        state.save()
    os.kill(os.getpid(), signal.SIGKILL)
