"""Test reports: from the section ``reports`` of a buildspec to what the API shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pythonbase_localcloud.testing.builds import Project, build_spec, failed_contexts
from pythonbase_localcloud.testing.callers import allow, caller
from pythonbase_localcloud.testing.cloud import Cloud

pytestmark = pytest.mark.slow

_RIGHTS = ("CreateReportGroup", "CreateReport", "UpdateReport", "BatchPutTestCases")
_JUNIT = """\
<testsuites><testsuite name="pytest" tests="4">
<testcase classname="tests.test_a" name="test_good" time="0.25"/>
<testcase classname="tests.test_a" name="test_bad" time="0.5"><failure message="assert 1 == 2">why</failure></testcase>
<testcase classname="tests.test_a" name="test_broken"><error>no such fixture</error></testcase>
<testcase classname="tests.test_a" name="test_later"><skipped message="not yet"/></testcase>
</testsuite></testsuites>
"""
_GOOD = '<testsuite name="s"><testcase classname="c" name="test_one" time="0.1"/></testsuite>'


def _project(cloud: Cloud, *commands: str, rights: tuple[str, ...] = _RIGHTS, file_format: str = "JUNITXML") -> Project:
    """A project whose role may report to its own group, as far as `rights` go."""
    section = {"tests": {"files": ["**/*.xml"], "base-directory": "out", "file-format": file_format}}
    project = Project(
        cloud, source={"type": "NO_SOURCE", "buildspec": build_spec("mkdir out", *commands, reports=section)}
    )
    group = f"arn:aws:codebuild:{cloud.region}:{cloud.account}:report-group/{project.name}-tests"
    cloud.client("iam").put_role_policy(
        RoleName=project.role.rsplit("/", 1)[-1],
        PolicyName="reports",
        PolicyDocument=json.dumps({"Statement": [allow(*(f"codebuild:{right}" for right in rights), on=group)]}),
    )
    return project


def _write(text: str, name: str = "junit.xml") -> str:
    return f"cat >out/{name} <<'XML'\n{text}XML\n" if text.endswith("\n") else f"printf '%s' '{text}' >out/{name}"


def _report(project: Project, build: Mapping[str, Any]) -> dict[str, Any]:
    (arn,) = build["reportArns"]
    (report,) = project.client.batch_get_reports(reportArns=[arn])["reports"]
    return dict(report)


def test_a_report_shows_every_test_case_with_its_outcome(cloud: Cloud) -> None:
    project = _project(cloud, _write(_JUNIT))
    build = project.build()
    assert build["buildStatus"] == "SUCCEEDED", project.log(build)  # the report judges, the build's commands decide

    report = _report(project, build)
    assert report["status"] == "FAILED"
    assert report["executionId"] == build["arn"]
    assert report["testSummary"]["total"] == 4
    assert report["testSummary"]["statusCounts"] == {
        "SUCCEEDED": 1,
        "FAILED": 1,
        "ERROR": 1,
        "SKIPPED": 1,
        "UNKNOWN": 0,
    }
    assert report["testSummary"]["durationInNanoSeconds"] == 750_000_000
    cases = project.client.describe_test_cases(reportArn=report["arn"])["testCases"]
    assert {case["name"]: (case["status"], case["message"]) for case in cases} == {
        "test_good": ("SUCCEEDED", ""),
        "test_bad": ("FAILED", "assert 1 == 2"),
        "test_broken": ("ERROR", "no such fixture"),
        "test_later": ("SKIPPED", "not yet"),
    }
    assert {(case["prefix"], case["testSuiteName"], case["testRawDataPath"]) for case in cases} == {
        ("tests.test_a", "pytest", "out/junit.xml")
    }
    failed = project.client.describe_test_cases(reportArn=report["arn"], filter={"status": "FAILED"})["testCases"]
    assert [case["name"] for case in failed] == ["test_bad"]


def test_reports_of_a_project_gather_in_one_group(cloud: Cloud) -> None:
    project = _project(cloud, _write(_GOOD))
    first, second = project.build(), project.build()
    group = _report(project, first)["reportGroupArn"]
    assert group == f"arn:aws:codebuild:{cloud.region}:{cloud.account}:report-group/{project.name}-tests"
    listed = project.client.list_reports_for_report_group(reportGroupArn=group)["reports"]
    assert listed == [*second["reportArns"], *first["reportArns"]]
    assert group in project.client.list_report_groups()["reportGroups"]
    assert listed[0] in project.client.list_reports()["reports"]
    (shown,) = project.client.batch_get_report_groups(reportGroupArns=[group])["reportGroups"]
    assert (shown["name"], shown["type"]) == (f"{project.name}-tests", "TEST")

    with pytest.raises(ClientError, match="has reports"):
        project.client.delete_report_group(arn=group)
    project.client.delete_report_group(arn=group, deleteReports=True)
    assert project.client.batch_get_reports(reportArns=listed)["reportsNotFound"] == listed


def test_a_failed_build_reports_too(cloud: Cloud) -> None:
    project = _project(cloud, _write(_GOOD), "exit 3")
    build = project.build()
    assert build["buildStatus"] == "FAILED"
    assert failed_contexts(build)["BUILD"][0] == "COMMAND_EXECUTION_ERROR"
    assert _report(project, build)["status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    "commands", [(), (_write("this is no XML"),), (_write("<html/>"),)], ids=["none", "text", "html"]
)
def test_without_a_usable_file_the_report_is_incomplete_and_the_build_does_not_care(
    cloud: Cloud, commands: tuple[str, ...]
) -> None:
    project = _project(cloud, *commands)
    build = project.build()
    assert build["buildStatus"] == "SUCCEEDED", project.log(build)
    assert _report(project, build)["status"] == "INCOMPLETE"


@pytest.mark.parametrize("missing", _RIGHTS)
def test_each_right_is_needed(cloud: Cloud, missing: str) -> None:
    project = _project(cloud, _write(_GOOD), rights=tuple(right for right in _RIGHTS if right != missing))
    build = project.build()
    assert build["buildStatus"] == "FAILED"
    code, message = failed_contexts(build)["UPLOAD_ARTIFACTS"]
    assert code == "CLIENT_ERROR"
    assert f"not authorized to perform: codebuild:{missing}" in message


def test_the_api_is_checked_on_the_report_group(cloud: Cloud) -> None:
    project = _project(cloud, _write(_GOOD))
    report = _report(project, project.build())
    mine = caller(cloud, allow("codebuild:BatchGetReports", "codebuild:DescribeTestCases", on=report["reportGroupArn"]))
    assert mine("codebuild").batch_get_reports(reportArns=[report["arn"]])["reports"]
    assert mine("codebuild").describe_test_cases(reportArn=report["arn"])["testCases"]
    other = caller(cloud, allow("codebuild:*", on=report["reportGroupArn"].replace(project.name, "other")))
    with pytest.raises(ClientError, match="not authorized"):
        other("codebuild").batch_get_reports(reportArns=[report["arn"]])


def test_a_format_that_is_not_read_here_is_refused(cloud: Cloud) -> None:
    project = _project(cloud, file_format="CUCUMBERJSON")
    build = project.build()
    assert build["buildStatus"] == "FAILED"
    assert "reads reports of the format JUNITXML" in failed_contexts(build)["DOWNLOAD_SOURCE"][1]
