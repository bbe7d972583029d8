"""Service deployments and revisions: what ListServiceDeployments and its like answer. MiniStack has none.

Statuses: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html
"""

from __future__ import annotations

import copy
import secrets
from collections.abc import Mapping
from functools import partial
from typing import Any

from pythonbase_localcloud.aws import json_service, seams
from pythonbase_localcloud.aws.json_service import ApiError

Record = dict[str, Any]
Members = Mapping[str, Any]
_KEPT = 100
_OPEN = ("IN_PROGRESS", "ROLLBACK_IN_PROGRESS")


def began(service: Record, deployment: Members) -> None:
    """A deployment was started; one that was in progress is stopped by it."""
    records = _records(service)
    now = seams.ecs._iso()
    for record in records:
        if record["status"] in _OPEN:
            _end(record, "STOPPED", "Service deployment was replaced by another one.")
            record["stoppedAt"] = now
    source = next((r for r in records if r["status"] == "SUCCESSFUL"), None)
    revision = _revision(service, deployment)
    records.insert(
        0,
        {
            "serviceDeploymentArn": f"{_prefix(service, 'service-deployment')}/{secrets.token_urlsafe(15)}",
            "serviceArn": service["serviceArn"],
            "clusterArn": service["clusterArn"],
            "createdAt": now,
            "startedAt": now,
            "updatedAt": now,
            "status": "IN_PROGRESS",
            "statusReason": "",
            "sourceServiceRevisions": [copy.deepcopy(source["targetServiceRevision"])] if source else [],
            "targetServiceRevision": {"arn": revision, "requestedTaskCount": deployment["desiredCount"]},
            "deploymentConfiguration": copy.deepcopy(service.get("deploymentConfiguration") or {}),
            "deploymentCircuitBreaker": {
                "status": "MONITORING" if _breaker(service).get("enable") else "DISABLED",
                "failureCount": 0,
                "threshold": seams.ecs._circuit_breaker_threshold(service),
            },
            "_deployment": deployment["id"],
        },
    )
    del records[_KEPT:]
    _show_current(service)


def completed(service: Record, deployment: Members) -> None:
    """A deployment is complete; that of a rollback completes the one that is rolled back."""
    record = next((r for r in _records(service) if r["status"] in _OPEN), None)
    if record is None:
        return
    rolled_back = record["status"] == "ROLLBACK_IN_PROGRESS"
    if rolled_back or record["_deployment"] == deployment["id"]:
        _end(record, "ROLLBACK_SUCCESSFUL" if rolled_back else "SUCCESSFUL", record["statusReason"])
    _show_current(service)


def failed(service: Record, deployment: Members, *, rollback: Members | None) -> None:
    """The circuit breaker gave up; `rollback` is the deployment that becomes the primary one again."""
    record = next((r for r in _records(service) if r["status"] in _OPEN), None)
    if record is None:
        return
    reason = str(deployment["rolloutStateReason"])
    record["deploymentCircuitBreaker"].update(status="TRIGGERED", failureCount=int(deployment.get("failedTasks") or 0))
    if record["status"] == "ROLLBACK_IN_PROGRESS" or (_breaker(service).get("rollback") and rollback is None):
        _end(record, "ROLLBACK_FAILED", reason)
    elif rollback is None:
        _end(record, "STOPPED", reason)
        record["stoppedAt"] = record["finishedAt"]
    else:
        now = seams.ecs._iso()
        record.update(
            status="ROLLBACK_IN_PROGRESS",
            statusReason=reason,
            updatedAt=now,
            rollback={"reason": reason, "startedAt": now, "serviceRevisionArn": _revision(service, rollback)},
        )
    _show_current(service)


def _show_current(service: Record) -> None:
    """DescribeServices names the deployment that is in progress."""
    current = next((r["serviceDeploymentArn"] for r in _records(service) if r["status"] in _OPEN), None)
    service["currentServiceDeployment"] = current


def _end(record: Record, status: str, reason: str) -> None:
    now = seams.ecs._iso()
    record.update(status=status, statusReason=reason, finishedAt=now, updatedAt=now)


def _breaker(service: Members) -> Members:
    found: Members = (service.get("deploymentConfiguration") or {}).get("deploymentCircuitBreaker") or {}
    return found


def _records(service: Record) -> list[Record]:
    records: list[Record] = service.setdefault("_service_deployments", [])
    return records


def _prefix(service: Members, kind: str) -> str:
    return str(service["serviceArn"]).replace(":service/", f":{kind}/", 1)


def _revision(service: Record, deployment: Members) -> str:
    """ARN of the deployment's service revision, made when it is first asked for."""
    revisions: dict[str, Record] = service.setdefault("_service_revisions", {})
    found = next((arn for arn, r in revisions.items() if r["_deployment"] == deployment["id"]), None)
    if found:
        return found
    arn = f"{_prefix(service, 'service-revision')}/{secrets.randbelow(10**19):019d}"
    revisions[arn] = {
        "serviceRevisionArn": arn,
        "serviceArn": service["serviceArn"],
        "clusterArn": service["clusterArn"],
        "taskDefinition": deployment["taskDefinition"],
        "createdAt": deployment["createdAt"],
        "_deployment": deployment["id"],
        "_image_digests": {},
    }
    return arn


def resolved(service: Record, deployment: Members) -> None:
    """Keep the digests that the deployment's first task resolved."""
    for revision in (service.get("_service_revisions") or {}).values():
        if revision["_deployment"] == deployment["id"] and deployment.get("_image_digests"):
            revision["_image_digests"] = dict(deployment["_image_digests"])


# ---------------------------------------------------------------- the API


def _services() -> list[Record]:
    return [service for service in seams.ecs._services.values() if isinstance(service, dict)]


def _list(members: Members) -> Record:
    name, cluster = str(members.get("service", "")), str(members.get("cluster") or "default").rsplit("/", 1)[-1]
    service = next(
        (
            item
            for item in _services()
            if name in (item["serviceArn"], item["serviceName"]) and item["clusterArn"].rsplit("/", 1)[-1] == cluster
        ),
        None,
    )
    if service is None:
        raise ApiError("ServiceNotFoundException", "Service not found.")
    wanted = members.get("status") or []
    briefs = [
        {
            **{key: record[key] for key in _BRIEF if key in record},
            "targetServiceRevisionArn": record["targetServiceRevision"]["arn"],
        }
        for record in _records(service)
        if not wanted or record["status"] in wanted
    ]
    return {"serviceDeployments": briefs}


_BRIEF = (
    "serviceDeploymentArn",
    "serviceArn",
    "clusterArn",
    "startedAt",
    "createdAt",
    "finishedAt",
    "status",
    "statusReason",
)


def _describe(members: Members) -> Record:
    known = {record["serviceDeploymentArn"]: record for service in _services() for record in _records(service)}
    return _found(known, members.get("serviceDeploymentArns") or [], "serviceDeployments")


def _describe_revisions(members: Members) -> Record:
    known = {
        arn: {**revision, "containerImages": _images(revision)}
        for service in _services()
        for arn, revision in (service.get("_service_revisions") or {}).items()
    }
    return _found(known, members.get("serviceRevisionArns") or [], "serviceRevisions")


def _images(revision: Members) -> list[Record]:
    definition = seams.ecs._task_defs.get(str(revision["taskDefinition"]).rsplit("/", 1)[-1]) or {}
    images = []
    for container in definition.get("containerDefinitions", []):
        _, _, digest = str(container["image"]).partition("@")
        digest = digest or revision["_image_digests"].get(container["name"], "")
        images.append(
            {
                "containerName": container["name"],
                "image": container["image"],
                **({"imageDigest": digest} if digest else {}),
            }
        )
    return images


def _found(known: Mapping[str, Record], arns: list[str], member: str) -> Record:
    return {
        member: [seams.ecs._sanitize(known[arn]) for arn in arns if arn in known],
        "failures": [{"arn": arn, "reason": "MISSING"} for arn in arns if arn not in known],
    }


def install() -> None:
    """Replace MiniStack's empty answers."""
    for action, operation in (
        ("ListServiceDeployments", _list),
        ("DescribeServiceDeployments", _describe),
        ("DescribeServiceRevisions", _describe_revisions),
    ):
        seams.ecs._ACTION_MAP[action] = partial(json_service.answer, operation)
