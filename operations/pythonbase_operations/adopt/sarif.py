"""The report as SARIF 2.1.0, which code hosts show beside the lines.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from pythonbase_buildspecs import Outcome
from pythonbase_operations.adopt.model import Finding
from pythonbase_operations.adopt.survey import Problem, Survey
from pythonbase_operations.adopt.texts import verdict

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_RULES = {
    Outcome.BASE_IMAGE: ("docker-hub-base-image", "A Docker Hub image that the base image stands in for"),
    Outcome.MIRRORED: ("docker-hub-mirrored", "A Docker Hub image that comes from a mirror"),
    Outcome.OWN_FRONTEND: ("docker-hub-frontend", "Docker's Dockerfile frontend; builds use the builder's own"),
    Outcome.REFUSED: ("docker-hub-refused", "A Docker Hub image that the source policy refuses"),
}


def render(survey: Survey) -> str:
    """The report."""
    run = {
        "tool": {
            "driver": {
                "name": "pythonbase adopt",
                "rules": [{"id": name, "shortDescription": {"text": text}} for name, text in _RULES.values()],
            }
        },
        # The run is successful even if some files could not be read: each of them is a notification.
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [_notification(problem) for problem in survey.problems],
            }
        ],
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding) for finding in survey.findings],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _result(finding: Finding) -> dict[str, Any]:
    use = finding.use
    parts = [f"{use.place} {use.written}: {verdict(finding)}"]
    parts += [f"write {finding.replacement}"] if finding.replacement else []
    parts += [finding.advice] if finding.advice else []
    rule = list(_RULES).index(finding.decision.outcome)
    return {
        "ruleId": _RULES[finding.decision.outcome][0],
        "ruleIndex": rule,
        "level": "error" if finding.fails else "warning" if finding.decision.outcome is Outcome.REFUSED else "note",
        "message": {"text": "; ".join(parts)},
        "locations": [_location(finding.path, use.line)],
    }


def _notification(problem: Problem) -> dict[str, Any]:
    return {
        "level": "error",
        "message": {"text": problem.message},
        "locations": [_location(problem.path, problem.line)],
    }


def _location(path: str, line: int | None) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": {"uri": ("file://" if path.startswith("/") else "") + quote(path)}}
    if line:
        physical["region"] = {"startLine": line}
    return {"physicalLocation": physical}
