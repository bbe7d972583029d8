"""Service Quotas: what `pythonbase doctor` reads. A request for another value is granted at once, a lower one too.

CodeBuild keeps to its quota of builds; the others limit nothing here.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from pythonbase_localcloud.aws import json_service, scope, store

_applied = store.scoped_store("servicequotas", "applied")
"""``<service>/<code>`` to the account's own value."""


@dataclass(frozen=True)
class _Quota:
    name: str
    default: float


BUILDS = ("codebuild", "L-9D07B6EF")
"""Builds at once. One for each compute type on AWS, one for all here."""

_QUOTAS: Mapping[tuple[str, str], _Quota] = {
    # https://docs.aws.amazon.com/codebuild/latest/userguide/limits.html says 1; accounts in use have 60
    BUILDS: _Quota("Concurrently running builds for Linux/Small environment", 60),
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
    ("events", "L-244521F2"): _Quota("Number of rules", 300),
}


def _find(members: json_service.Request) -> tuple[str, str]:
    key = (str(members.get("ServiceCode")), str(members.get("QuotaCode")))
    if key not in _QUOTAS:
        raise json_service.ApiError(
            "NoSuchResourceException", f"the local cloud does not know the quota {key[1]} of {key[0]}"
        )
    return key


def value(service: str, code: str) -> float:
    """The account's own value of a quota, else its default."""
    return float(_applied.get(f"{service}/{code}", _QUOTAS[service, code].default))


def _shape(service: str, code: str, shown: float) -> dict[str, Any]:
    return {
        "ServiceCode": service,
        "QuotaCode": code,
        "QuotaArn": f"arn:aws:servicequotas:{scope.region()}:{scope.account()}:{service}/{code}",
        "QuotaName": _QUOTAS[service, code].name,
        "Value": shown,
        "Adjustable": True,
        "GlobalQuota": False,
    }


def _get(members: json_service.Request) -> dict[str, Any]:
    service, code = _find(members)
    return {"Quota": _shape(service, code, value(service, code))}


def _get_default(members: json_service.Request) -> dict[str, Any]:
    service, code = _find(members)
    return {"Quota": _shape(service, code, _QUOTAS[service, code].default)}


def _request(members: json_service.Request) -> dict[str, Any]:
    service, code = _find(members)
    desired = float(members["DesiredValue"])
    _applied[f"{service}/{code}"] = desired
    quota = _shape(service, code, desired)
    shown = {name: quota[name] for name in ("ServiceCode", "QuotaCode", "QuotaName", "QuotaArn", "GlobalQuota")}
    now = time.time()
    return {
        "RequestedQuota": {
            **shown,
            "Id": uuid4().hex,
            "DesiredValue": desired,
            "Status": "APPROVED",
            "Created": now,
            "LastUpdated": now,
        }
    }


def install() -> None:
    """Register the service."""
    json_service.register(
        "servicequotas",
        target_prefix="ServiceQuotasV20190624",
        operations={
            "GetServiceQuota": _get,
            "GetAWSDefaultServiceQuota": _get_default,
            "RequestServiceQuotaIncrease": _request,
        },
    )
