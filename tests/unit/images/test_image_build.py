"""The build that runs during a deployment: its resources, and the texts of its handler. Its run: tests/localcloud."""

from __future__ import annotations

import importlib.util
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from aws_cdk import Duration
from aws_cdk.assertions import Template
from botocore.stub import ANY, Stubber

import pythonbase.images._build as image_build_module
from pythonbase.images._build import ImageBuild
from pythonbase.images.project import ImageProject
from pythonbase_buildspecs import base_image_buildspec
from tests.unit.synthesis import allowed, environment, may, new_stack, only, resources, text, trusted_by

HANDLER = Path(image_build_module.__file__).parent / "handlers" / "image_build" / "index.py"


def _synthesize(timeout: Duration | None = None) -> Template:
    stack = new_stack()
    project = ImageProject(
        stack, "Build", buildspec=base_image_buildspec(), environment={}, description="Builds a thing"
    )
    ImageBuild(stack, "First", project=project, trigger="fingerprint", timeout=timeout)
    return Template.from_stack(stack)


@pytest.fixture(scope="module")
def template() -> Template:
    return _synthesize()


def test_the_resource_runs_the_project_again_when_the_trigger_changes(template: Template) -> None:
    properties = dict(only(template, "Custom::ImageBuild").properties)
    properties.pop("ServiceToken")
    assert {name: text(value) for name, value in properties.items()} == {
        "ProjectName": "${BuildProject}",
        "Trigger": "fingerprint",
        "TimeoutSeconds": "3000",
        "ServiceTimeout": "3480",
    }


def test_the_resource_waits_for_the_project_its_role_and_its_permissions(template: Template) -> None:
    waits_for = only(template, "Custom::ImageBuild").depends_on
    script = environment(only(template, "AWS::CodeBuild::Project"))["BUILD_SCRIPT"].rpartition("/")[2]
    policies = {"BuildRoleDefaultPolicy", f"BuildRoleScript{script[:8]}"}
    assert waits_for == {"BuildProject", "BuildRole", "BuildLogs"} | policies


def test_the_functions_may_start_the_one_build_and_the_second_may_watch_it(template: Template) -> None:
    logs = {"logs:CreateLogStream": {"${FirstLogs.Arn}"}, "logs:PutLogEvents": {"${FirstLogs.Arn}"}}
    assert allowed(template, "FirstStartRole") == {"codebuild:StartBuild": {"${BuildProject.Arn}"}, **logs}
    assert allowed(template, "FirstPollRole") == {
        "codebuild:BatchGetBuilds": {"${BuildProject.Arn}"},
        "codebuild:ListBuildsForProject": {"${BuildProject.Arn}"},
        "codebuild:StartBuild": {"${BuildProject.Arn}"},
        "logs:GetLogEvents": {"${BuildLogs.Arn}"},
        **logs,
    }
    assert trusted_by(template, "FirstStartRole") == trusted_by(template, "FirstPollRole") == ["lambda.amazonaws.com"]


@pytest.mark.parametrize("action", ["codebuild:StopBuild", "codebuild:UpdateProject", "iam:PassRole", "ecr:PutImage"])
def test_the_functions_may_not(template: Template, action: str) -> None:
    assert not may(allowed(template, "FirstStartRole"), action)
    assert not may(allowed(template, "FirstPollRole"), action)


def test_the_functions_run_the_handler_on_python(template: Template) -> None:
    functions = resources(template, "AWS::Lambda::Function")
    ours = {name: functions[name].properties for name in ("FirstStart", "FirstPoll")}
    assert {name: properties["Handler"] for name, properties in ours.items()} == {
        "FirstStart": "index.on_event",
        "FirstPoll": "index.is_complete",
    }
    assert {properties["Runtime"] for properties in ours.values()} == {"python3.14"}
    for handler in ("on_event", "is_complete"):
        assert f"def {handler}(event: dict[str, Any], context: object)" in HANDLER.read_text()


def test_the_functions_wait_for_their_permissions(template: Template) -> None:
    functions = resources(template, "AWS::Lambda::Function")
    assert {"FirstStartRole", "FirstStartRoleDefaultPolicy"} <= functions["FirstStart"].depends_on
    assert {"FirstPollRole", "FirstPollRoleDefaultPolicy"} <= functions["FirstPoll"].depends_on


def test_every_function_logs_to_the_one_log_group(template: Template) -> None:
    groups = {
        text(f.properties["LoggingConfig"]["LogGroup"]) for f in resources(template, "AWS::Lambda::Function").values()
    }
    assert groups == {"${FirstLogs}"}


@pytest.mark.parametrize(("timeout", "attempts"), [(None, 648), (Duration.minutes(10), 168)])
def test_a_deployment_polls_every_5_seconds_for_a_little_longer_than_the_timeout(
    timeout: Duration | None, attempts: int
) -> None:
    definition = text(only(_synthesize(timeout), "AWS::StepFunctions::StateMachine").properties["DefinitionString"])
    assert f'"IntervalSeconds":5,"MaxAttempts":{attempts},"BackoffRate":1' in definition


def test_a_timeout_over_50_minutes_is_refused() -> None:
    with pytest.raises(ValueError, match="timeout must be at most 50 minutes, got 60"):
        _synthesize(Duration.hours(1))


def test_the_build_times_out_before_the_framework_and_the_framework_before_cloudformation(template: Template) -> None:
    properties = only(template, "Custom::ImageBuild").properties
    machine = only(template, "AWS::StepFunctions::StateMachine").properties
    (attempts,) = re.findall(r'"MaxAttempts":(\d+)', text(machine["DefinitionString"]))
    assert int(properties["TimeoutSeconds"]) < 5 * int(attempts) < int(properties["ServiceTimeout"]) < 3600


# -- the handler's texts -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def handler() -> ModuleType:
    """The handler as Lambda loads it: a single module, without the library."""
    spec = importlib.util.spec_from_file_location("image_build_handler", HANDLER)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _failed_build(**more: Any) -> dict[str, Any]:
    return {
        "id": "project:1",
        "buildStatus": "FAILED",
        "phases": [
            {"phaseType": "SUBMITTED", "phaseStatus": "SUCCEEDED"},
            {"phaseType": "BUILD", "phaseStatus": "FAILED", "contexts": [{"message": "exit status 1"}, {}]},
            {"phaseType": "COMPLETED"},
        ],
        "logs": {"groupName": "group", "streamName": "stream"},
        **more,
    }


def _reason(
    handler: ModuleType, monkeypatch: pytest.MonkeyPatch, build: dict[str, Any], lines: list[str] | None
) -> str:
    """The reason that the handler gives; `lines` are what the log answers, None means an error."""
    logs = boto3.client("logs", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x")  # noqa: S106
    monkeypatch.setattr(handler.boto3, "client", lambda _service: logs)
    with Stubber(logs) as stub:
        if lines is None:
            stub.add_client_error("get_log_events", "AccessDeniedException", "not yours")
        else:
            stub.add_response(
                "get_log_events",
                {"events": [{"message": line} for line in lines]},
                {"logGroupName": "group", "logStreamName": "stream", "limit": ANY},
            )
        reason: str = handler._reason(build)
        return reason


def test_the_reason_names_build_phase_error_and_log(handler: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["#5 step\n", "ERROR: failed to solve: process did not complete\n", "\n", "done\n"]
    assert _reason(handler, monkeypatch, _failed_build(), lines) == (
        "build project:1 ended FAILED; BUILD: exit status 1; ERROR: failed to solve: process did not complete; "
        "log: group/stream"
    )


def test_without_a_line_that_names_an_error_the_last_lines_are_shown(
    handler: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    reason = _reason(handler, monkeypatch, _failed_build(), ["one\n", "two\n", "three\n", "four\n", " \n"])
    assert reason.endswith("exit status 1; two; three; four; log: group/stream")


def test_the_builds_own_commands_are_not_repeated(handler: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    # CodeBuild puts the whole command into the message and into the log.
    failure = "Error while executing command: set -e\ndocker build . Reason: exit status 1"
    build = _failed_build(phases=[{"phaseType": "BUILD", "phaseStatus": "FAILED", "contexts": [{"message": failure}]}])
    lines = ["[Container] Running command set -e\n", "docker build .\n", "ERROR: no such file\n", "exit status 1\n"]
    assert _reason(handler, monkeypatch, build, lines) == (
        "build project:1 ended FAILED; BUILD: exit status 1; ERROR: no such file; log: group/stream"
    )


def test_at_most_three_lines_of_limited_length_are_shown(handler: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"error: {number} {'x' * 1000}" for number in range(5)]
    reason = _reason(handler, monkeypatch, _failed_build(), lines)
    shown = [part for part in reason.split("; ") if part.startswith("error:")]
    assert [part[:8] for part in shown] == ["error: 2", "error: 3", "error: 4"]
    assert {len(part) for part in shown} == {300}
    assert len(reason) < 4096, "CloudFormation takes no longer answer of a custom resource"


def test_a_log_that_cannot_be_read_does_not_hide_the_failure(
    handler: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    reason = _reason(handler, monkeypatch, _failed_build(), None)
    assert reason.startswith("build project:1 ended FAILED; BUILD: exit status 1; its log cannot be read: ")
    assert "AccessDeniedException" in reason


def test_a_build_that_never_started_has_a_reason_too(handler: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    reason = _reason(handler, monkeypatch, {"id": "project:2", "buildStatus": "STOPPED"}, [])
    assert reason.startswith("build project:2 ended STOPPED; ")


def test_a_deletion_starts_nothing_and_is_complete_at_once(handler: ModuleType) -> None:
    # No client is stubbed: any call would find neither credentials nor an endpoint.
    event = {"RequestType": "Delete", "PhysicalResourceId": "p", "ResourceProperties": {"ProjectName": "project"}}
    assert handler.on_event(event, None) == {"PhysicalResourceId": "p"}
    assert handler.is_complete(event, None) == {"IsComplete": True}


def test_the_handler_needs_nothing_but_boto3_and_the_standard_library(handler: ModuleType) -> None:
    imported = {
        line.split()[1].split(".")[0]
        for line in HANDLER.read_text().splitlines()
        if line.startswith(("import", "from"))
    }
    assert imported - set(sys.stdlib_module_names) == {"boto3"}
    assert handler.BuildFailedError("x").args == ("x",)


@pytest.mark.parametrize(("minutes", "given_up"), [(49, False), (51, True)])
def test_a_build_that_takes_too_long_is_reported_with_its_phase_and_log(
    handler: ModuleType, monkeypatch: pytest.MonkeyPatch, minutes: int, given_up: bool
) -> None:
    client = boto3.client("codebuild", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x")  # noqa: S106
    monkeypatch.setattr(handler.boto3, "client", lambda _service: client)
    started = datetime.now(UTC) - timedelta(minutes=minutes)
    build = _failed_build(buildStatus="IN_PROGRESS", currentPhase="QUEUED", startTime=started)
    event = {
        "RequestType": "Create",
        "Data": {"BuildId": "project:1"},
        "ResourceProperties": {"ProjectName": "project", "TimeoutSeconds": "3000"},
    }
    with Stubber(client) as stub:
        stub.add_response("batch_get_builds", {"builds": [build]}, {"ids": ["project:1"]})
        if not given_up:
            assert handler.is_complete(event, None) == {"IsComplete": False}
            return
        with pytest.raises(handler.BuildFailedError) as caught:
            handler.is_complete(event, None)
    assert str(caught.value).startswith("build project:1 is still in its phase QUEUED after 50 minutes")
    assert str(caught.value).endswith("log: group/stream")
