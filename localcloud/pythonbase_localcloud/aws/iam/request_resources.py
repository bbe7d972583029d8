"""Which resource each request is checked on.

MiniStack evaluates policies well, but derives the resource of several services' requests loosely (often ``*``, so a
narrow policy would be refused, or a cluster where AWS checks the service). `service_resources` has the tables for the
services that this application uses.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs

from pythonbase_localcloud.aws import seams
from pythonbase_localcloud.aws.iam.request_conditions import condition_keys
from pythonbase_localcloud.aws.iam.service_resources import ANY, BY_SERVICE, Members, arn, ecs_cluster, scheduler


class Resources(str):
    """The first resource of a request, as MiniStack expects one, and the others that it must be checked on too.

    `context` has condition keys of the request that MiniStack does not know.
    """

    others: tuple[str, ...] = ()
    context: Mapping[str, Any] = {}

    @classmethod
    def of(cls, arns: Iterable[str]) -> Resources:
        """Several resources; ``*`` when there are none."""
        found = list(dict.fromkeys(arns)) or [ANY]
        first = cls(found[0])
        first.others = tuple(found[1:])
        return first


def members_of(body: bytes) -> Members:
    """Members of a JSON request; empty when it is none."""
    try:
        members = json.loads(body or b"{}")
    except (json.JSONDecodeError, UnicodeDecodeError):
        return {}
    return members if isinstance(members, dict) else {}


def _in_cluster(service: str, members: Members) -> Mapping[str, str]:
    if service != "ecs" or "cluster" not in members:
        return {}
    return {"ecs:cluster": arn("ecs", f"cluster/{ecs_cluster(members['cluster'])}")}


def _in_namespace(resource: str, members: Members, body: bytes) -> Resources:
    """A request to CloudWatch: PutMetricData is narrowed by the metric's namespace (JSON and query protocol)."""
    found = Resources(resource)
    form = parse_qs(body.decode("utf-8", errors="replace")) if not members else {}
    namespace = members.get("Namespace") or (form.get("Namespace") or [""])[0]
    found.context = {"cloudwatch:namespace": str(namespace)} if namespace else {}
    return found


def install() -> None:
    """Replace MiniStack's derivation for the services above, and check every resource that a request names."""
    derive = seams.iam_actions.extract_resource_arn
    enforce = seams.iam_evaluator.enforce

    def extract_resource_arn(
        service: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query: Any,
        region: str,
        account_id: str,
    ) -> str:
        action = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
        if service in BY_SERVICE and action:
            members = members_of(body)
            found = Resources.of(BY_SERVICE[service](action, members))
            found.context = {**condition_keys(service, str(found), members), **_in_cluster(service, members)}
            return found
        if service == "scheduler":
            return scheduler(path, query, members_of(body))
        resource = str(derive(service, method, path, headers, body, query, region, account_id))
        if service == "dynamodb":
            table = Resources(resource)
            table.context = condition_keys(service, resource, members_of(body))
            return table
        if service == "monitoring":
            return _in_namespace(resource, members_of(body), body)
        if service == "elasticloadbalancing":
            requested = query.get("Action") or [""]
            requested = requested[0] if isinstance(requested, list) else requested
            # The Describe actions have no resource-level permissions on AWS: a narrow policy does not allow them.
            return ANY if str(requested).startswith("Describe") else resource
        return resource

    def enforce_all(
        access_key_id: str,
        action: str,
        service: str,
        region: str,
        resource_arn: str = ANY,
        service_context: Any = None,
    ) -> Any:
        more = getattr(resource_arn, "context", {})
        service_context = {**(service_context or {}), **more} if more else service_context
        for resource in (resource_arn, *getattr(resource_arn, "others", ())):
            denied = enforce(
                access_key_id, action, service, region, resource_arn=str(resource), service_context=service_context
            )
            if denied:
                return denied
        return None

    seams.iam_actions.extract_resource_arn = extract_resource_arn
    seams.iam_evaluator.enforce = enforce_all
