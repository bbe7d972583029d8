"""Test results in JUnit's XML format, as test cases of a CodeBuild report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

_STATUS = {"failure": "FAILED", "error": "ERROR", "skipped": "SKIPPED"}
_NANOSECONDS = 1_000_000_000


class JUnitError(Exception):
    """The file is not one of JUnit's."""


def test_cases(path: Path, *, shown_as: str) -> list[dict[str, Any]]:
    """The test cases of a file. Raises `JUnitError`."""
    try:
        root = ElementTree.parse(path).getroot()  # noqa: S314 - expat itself limits how far entities expand
    except (ElementTree.ParseError, OSError) as error:
        raise JUnitError(f"{shown_as}: {error}") from error
    if root.tag not in ("testsuites", "testsuite"):
        raise JUnitError(f"{shown_as}: the root is <{root.tag}>, not <testsuites> or <testsuite>")
    return [
        {
            "testRawDataPath": shown_as,
            "prefix": case.get("classname", ""),
            "name": case.get("name", ""),
            "testSuiteName": suite.get("name", ""),
            "durationInNanoSeconds": int(_number(case.get("time")) * _NANOSECONDS),
            **_outcome(case),
        }
        for suite in _suites(root)
        for case in suite.iterfind("testcase")
    ]


def _suites(root: ElementTree.Element) -> Iterator[ElementTree.Element]:
    yield from root.iter("testsuite")


def _outcome(case: ElementTree.Element) -> dict[str, str]:
    for child in case:
        if child.tag in _STATUS:
            return {"status": _STATUS[child.tag], "message": child.get("message") or (child.text or "").strip()}
    return {"status": "SUCCEEDED", "message": ""}


def _number(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0
