"""Test reports: the section ``reports`` of a buildspec, and the API that shows them.

https://docs.aws.amazon.com/codebuild/latest/userguide/test-reporting.html
"""

from __future__ import annotations

import copy
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from pythonbase_localcloud.aws import scope, seams, store
from pythonbase_localcloud.aws.iam import authorization
from pythonbase_localcloud.aws.json_service import ApiError, Operation, Request
from pythonbase_localcloud.aws.json_service import call as call_operation

from . import junit
from .artifacts import matching_files
from .buildspec import Report

_KEPT_SECONDS = 30 * 24 * 3600
_MOST_CASES = 500
_STATUSES = ("SUCCEEDED", "FAILED", "ERROR", "SKIPPED", "UNKNOWN")

_groups = store.scoped_store("codebuild", "report-groups")
_reports = store.scoped_store("codebuild", "reports")


def publish(
    report: Report, *, root: Path, project: str, build_arn: str, access_key_id: str, say: Callable[[str], None]
) -> str:
    """Make a report of what a build left behind, with the rights of the build's role; return its ARN.

    Raises `authorization.AccessDeniedError`.
    """
    group = _group_arn(report.name, project)
    name = group.rsplit("/", 1)[-1]
    say(f"[Container] Preparing report {report.name}: group {name}")

    def allowed(action: str) -> None:
        authorization.check(access_key_id, f"codebuild:{action}", group)

    if group not in _groups:
        allowed("CreateReportGroup")
        now = time.time()
        _groups[group] = {
            "arn": group,
            "name": name,
            "type": "TEST",
            "exportConfig": {"exportConfigType": "NO_EXPORT"},
            "created": now,
            "lastModified": now,
            "status": "ACTIVE",
            "tags": [],
        }
    allowed("CreateReport")
    arn = f"{group.replace(':report-group/', ':report/')}:{uuid4()}"
    now = time.time()
    _reports[arn] = {
        "arn": arn,
        "type": "TEST",
        "name": report.name,
        "reportGroupArn": group,
        "executionId": build_arn,
        "status": "GENERATING",
        "created": now,
        "expired": now + _KEPT_SECONDS,
        "exportConfig": {"exportConfigType": "NO_EXPORT"},
        "truncated": False,
        "_cases": [],
    }
    cases = _cases(report, root, say)
    if cases:
        allowed("BatchPutTestCases")
    allowed("UpdateReport")
    _reports[arn].update(_finished(arn, cases, expired=now + _KEPT_SECONDS))
    say(f"[Container] Report {arn.rsplit('/', 1)[-1]}: {_reports[arn]['status']}, {len(cases)} test case(s)")
    return arn


def _group_arn(name: str, project: str) -> str:
    """A name in a buildspec is the project's; an ARN names a group that is there."""
    return name if name.startswith("arn:") else _arn(f"report-group/{project}-{name}")


def _arn(resource: str) -> str:
    return f"arn:aws:codebuild:{scope.region()}:{scope.account()}:{resource}"


def _cases(report: Report, root: Path, say: Callable[[str], None]) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = []
    files = matching_files(root, report.files, base_directory=report.base_directory)
    if not files:
        say(f"[Container] No matching test result files for {report.name}")
    for path in files:
        try:
            cases += junit.test_cases(path, shown_as=str(path.relative_to(root.resolve())))
        except junit.JUnitError as error:
            say(f"[Container] Test result file skipped: {error}")
    return cases


def _finished(arn: str, cases: list[dict[str, Any]], *, expired: float) -> dict[str, Any]:
    counts = Counter(case["status"] for case in cases)
    # Failed ones first: they are kept when there are too many.
    kept = sorted(cases, key=lambda case: str(case["status"]) not in ("FAILED", "ERROR"))[:_MOST_CASES]
    failed = counts["FAILED"] + counts["ERROR"]
    return {
        "status": "FAILED" if failed else "SUCCEEDED" if cases else "INCOMPLETE",
        "truncated": len(kept) < len(cases),
        "testSummary": {
            "total": len(cases),
            "statusCounts": {status: counts[status] for status in _STATUSES},
            "durationInNanoSeconds": sum(int(case["durationInNanoSeconds"]) for case in cases),
        },
        "_cases": [{"reportArn": arn, "expired": expired, **case} for case in kept],
    }


# ---------------------------------------------------------------- API


def _public(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: copy.deepcopy(value) for key, value in record.items() if not key.startswith("_")}


def _found(members: Request, member: str, records: Any, *, result: str) -> dict[str, Any]:
    arns = members.get(member) or []
    return {
        result: [_public(records[arn]) for arn in arns if arn in records],
        f"{result}NotFound": [arn for arn in arns if arn not in records],
    }


def _listed(members: Request, *, group: str | None) -> dict[str, Any]:
    if group is not None and group not in _groups:
        raise ApiError("ResourceNotFoundException", f"Report group does not exist: {group}")
    status = (members.get("filter") or {}).get("status")
    records = [
        record
        for record in _reports.values()
        if group in (None, record["reportGroupArn"]) and status in (None, record["status"])
    ]
    newest_first = members.get("sortOrder") != "ASCENDING"
    return {
        "reports": [item["arn"] for item in sorted(records, key=lambda item: item["created"], reverse=newest_first)]
    }


def _describe_cases(members: Request) -> dict[str, Any]:
    record = _reports.get(str(members.get("reportArn")))
    if record is None:
        raise ApiError("ResourceNotFoundException", f"Report does not exist: {members.get('reportArn')}")
    wanted = members.get("filter") or {}
    return {
        "testCases": [
            case
            for case in record["_cases"]
            if wanted.get("status") in (None, case["status"]) and wanted.get("keyword", "") in case["name"]
        ]
    }


def _delete_group(members: Request) -> dict[str, Any]:
    arn = str(members.get("arn"))
    reports = [key for key, record in _reports.items() if record["reportGroupArn"] == arn]
    if reports and not members.get("deleteReports"):
        raise ApiError("InvalidInputException", f"the report group {arn} has reports: set deleteReports")
    for key in reports:
        _reports.pop(key)
    _groups.pop(arn, None)
    return {}


_OPERATIONS: dict[str, Operation] = {
    "BatchGetReportGroups": lambda members: _found(members, "reportGroupArns", _groups, result="reportGroups"),
    "BatchGetReports": lambda members: _found(members, "reportArns", _reports, result="reports"),
    "DeleteReportGroup": _delete_group,
    "DescribeTestCases": _describe_cases,
    "ListReportGroups": lambda _: {"reportGroups": sorted(_groups)},
    "ListReports": lambda members: _listed(members, group=None),
    "ListReportsForReportGroup": lambda members: _listed(members, group=str(members.get("reportGroupArn"))),
}


def install() -> None:
    """Add the operations on reports to MiniStack's CodeBuild, which has none."""
    original = seams.codebuild._handle_request_sync

    def handle(method: str, path: str, headers: Mapping[str, str], body: bytes, query: Any) -> Any:
        operation = _OPERATIONS.get(headers.get("x-amz-target", "").rsplit(".", 1)[-1])
        if operation is None:
            return original(method, path, headers, body, query)
        return call_operation(operation, body)

    seams.codebuild._handle_request_sync = handle
