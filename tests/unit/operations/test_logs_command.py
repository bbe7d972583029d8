"""`pythonbase logs`: durations, the order of lines, why a build failed, the steps of a release, and refused options."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from pythonbase.releases.names import CLUSTER_TAG
from pythonbase_operations import services
from pythonbase_operations.aws import OperationError
from pythonbase_operations.cli import main
from pythonbase_operations.logs import builds, command, executions
from pythonbase_operations.logs.durations import duration
from pythonbase_operations.logs.streams import Line, Stream
from pythonbase_operations.logs.tasks import RunningTasks, merged, places
from pythonbase_operations.names import Names
from tests.pages.variables import RELEASE


def _client(service: str) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]  # any service, not one of the typed ones
        region_name="eu-west-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",  # noqa: S106
    )


NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


# -- durations ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "meant"),
    [("10m", timedelta(minutes=10)), ("2h", timedelta(hours=2)), ("1d", timedelta(days=1))],
)
def test_a_duration(text: str, meant: timedelta) -> None:
    assert duration(text) == meant


@pytest.mark.parametrize("text", ["", "10", "m", "0m", "-1m", "1.5h", "10 m", "10s", "1w", "9999999d", "10M"])
def test_what_is_not_a_duration(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="such as 10m, 2h or 1d"):
        duration(text)


# -- lines of tasks ----------------------------------------------------------------------------------------------------


def _line(seconds: int, text: str) -> Line:
    return Line(when=int((NOON + timedelta(seconds=seconds)).timestamp() * 1000), text=text)


def test_lines_of_all_tasks_are_in_the_order_of_time() -> None:
    lines = merged(
        [
            ("aaaaaaaabbbb", [_line(0, "first"), _line(2, "third, one"), _line(2, "third, two")]),
            ("ccccccccdddd", [_line(1, "second"), _line(2, "third, of the other"), _line(3, "last")]),
        ]
    )
    assert [line.split(" ", 3)[3] for line in lines] == [
        "first",
        "second",
        "third, one",
        "third, two",
        "third, of the other",
        "last",
    ]
    assert [line.split()[0] for line in lines[:2]] == ["aaaaaaaa", "cccccccc"]


def test_a_line_begins_with_task_and_local_time() -> None:
    (line,) = merged([("0123456789abcdef", [_line(5, "GET / 200")])])
    assert line == f"01234567 {(NOON + timedelta(seconds=5)).astimezone():%Y-%m-%d %H:%M:%S} GET / 200"


def _container(name: str, driver: str) -> dict[str, Any]:
    options = {"awslogs-group": f"group of {name}", "awslogs-stream-prefix": "orders", "awslogs-region": "eu-west-1"}
    return {"name": name, "logConfiguration": {"logDriver": driver, "options": options}}


def test_the_log_is_where_the_task_definition_says() -> None:
    containers = [_container("app", "awslogs"), _container("router", "awsfirelens"), {"name": "silent"}]
    assert places({"containerDefinitions": containers}) == [("group of app", "orders/app")]


def test_a_task_definition_that_logs_elsewhere() -> None:
    arn = "arn:aws:ecs:eu-west-1:123456789012:task-definition/orders:7"
    with pytest.raises(
        OperationError, match="no container of the task definition orders:7 logs with the driver awslogs"
    ):
        places({"taskDefinitionArn": arn, "containerDefinitions": [_container("router", "awsfirelens")]})


CLUSTER = "arn:aws:ecs:eu-west-1:123456789012:task/cluster"
SERVICE = {"cluster": "cluster", "serviceName": "orders"}


def test_new_tasks_are_found_and_ended_ones_are_not_read_any_more(logs: Any) -> None:
    ecs = _client("ecs")
    tasks = RunningTasks(ecs, logs, cluster="cluster", service="orders", since=NOON)
    definition = {"taskDefinitionArn": "orders:7", "containerDefinitions": [_container("app", "awslogs")]}
    with Stubber(ecs) as stub:
        for ids in (["1", "2"], ["2", "3"]):
            arns = [f"{CLUSTER}/{task_id}" for task_id in ids]
            found = [{"taskArn": arn, "taskDefinitionArn": "orders:7"} for arn in arns]
            stub.add_response(
                "list_tasks", {"taskArns": arns}, {**SERVICE, "desiredStatus": "RUNNING", "maxResults": 100}
            )
            stub.add_response("describe_tasks", {"tasks": found}, {"cluster": "cluster", "tasks": arns})
            if ids[0] == "1":  # one call for each task definition
                stub.add_response("describe_task_definition", {"taskDefinition": definition})
            tasks.look()
            assert tasks.running == tuple(ids)
        stub.assert_no_pending_responses()


def test_of_many_tasks_some_are_read_and_the_others_are_counted(logs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pythonbase_operations.logs.tasks._MOST_TASKS", 1)
    ecs = _client("ecs")
    tasks = RunningTasks(ecs, logs, cluster="cluster", service="orders", since=NOON)
    arns = [f"{CLUSTER}/{number}" for number in (1, 2, 3)]
    with Stubber(ecs) as stub:
        stub.add_response("list_tasks", {"taskArns": arns})
        stub.add_response("describe_tasks", {"tasks": []}, {"cluster": "cluster", "tasks": arns[:1]})
        tasks.look()
    assert tasks.more == 2


def test_without_tasks_it_says_what_ecs_said_last() -> None:
    ecs = _client("ecs")
    with Stubber(ecs) as stub:
        events = [{"message": "(service orders) unable to place a task"}, {"message": "earlier"}]
        stub.add_response("describe_services", {"services": [{"events": events}]})
        assert command.nothing_runs(ecs, Names("orders"), "cluster") == (
            "no task of orders runs; see --release: (service orders) unable to place a task"
        )


# -- log streams -------------------------------------------------------------------------------------------------------

WHICH = {"logGroupName": "group", "logStreamName": "stream"}


def _page(*messages: str, back: str, forward: str) -> dict[str, Any]:
    events = [{"timestamp": 1, "message": message, "ingestionTime": 1} for message in messages]
    return {"events": events, "nextBackwardToken": back, "nextForwardToken": forward}


@pytest.fixture
def logs() -> Any:
    return _client("logs")


def test_a_stream_is_read_from_its_end_over_empty_pages_and_then_continued(logs: Any) -> None:
    stream = Stream(logs, since=None, group="group", name="stream")
    with Stubber(logs) as stub:
        for asked, page in (
            ({"startFromHead": False}, _page("three\n", back="b1", forward="f1")),
            ({"nextToken": "b1"}, _page(back="b2", forward="f0")),
            ({"nextToken": "b2"}, _page("one", "two\twide\n\x1b[2J", back="b3", forward="f0")),
            ({"nextToken": "b3"}, _page(back="b3", forward="f0")),
            ({"nextToken": "f1", "startFromHead": True}, _page("four", back="b9", forward="f2")),
            ({"nextToken": "f2", "startFromHead": True}, _page(back="b9", forward="f2")),
        ):
            stub.add_response("get_log_events", page, {**WHICH, **asked})
        assert [line.text for line in stream.newest()] == ["one", "two     wide", "\\x1b[2J", "three"]
        assert [line.text for line in stream.added()] == ["four"]
        stub.assert_no_pending_responses()
    assert not stream.is_cut


def test_of_too_many_lines_the_oldest_are_left_out(logs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pythonbase_operations.logs.streams._MOST_PAGES", 2)
    stream = Stream(logs, since=NOON, group="group", name="stream")
    with Stubber(logs) as stub:
        start = {**WHICH, "startTime": int(NOON.timestamp() * 1000)}
        stub.add_response("get_log_events", _page("c", back="b1", forward="f"), {**start, "startFromHead": False})
        stub.add_response("get_log_events", _page("b", back="b2", forward="f"), {**start, "nextToken": "b1"})
        assert [line.text for line in stream.newest()] == ["b", "c"]
    assert stream.is_cut


def test_a_stream_that_does_not_exist_yet_has_no_lines_until_it_does(logs: Any) -> None:
    stream = Stream(logs, since=None, group="group", name="stream")
    with Stubber(logs) as stub:
        stub.add_client_error("get_log_events", "ResourceNotFoundException")
        assert stream.newest() == []
        stub.add_response("get_log_events", _page("one", back="b", forward="f"), {**WHICH, "startFromHead": False})
        stub.add_response("get_log_events", _page(back="b", forward="f"), {**WHICH, "nextToken": "b"})
        assert [line.text for line in stream.added()] == ["one"]


# -- builds ------------------------------------------------------------------------------------------------------------


def _build(number: int = 1, *, commit: str = "c" * 40, **members: Any) -> Mapping[str, Any]:
    return {
        "id": f"Orders-Build:{number}{number}{number}",
        "resolvedSourceVersion": commit,
        "startTime": NOON,
        "buildStatus": "FAILED",
        "buildComplete": True,
        **members,
    }


AGENT = "[Container] 2026/11/25 12:00:00.000000 Command did not exit successfully"


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (["error: early", "a", AGENT, "error: late", "why", AGENT, "after"], ["error: late", "why"]),
        (["error: the only line"], ["error: the only line"]),
        (["error: long", *"abcdefgh"], ["error: long", *"abcde"]),
        (
            [AGENT, "error: Dockerfile:3: RUN pip install", "error: command 'gcc' failed", "fix: install it", AGENT],
            ["error: Dockerfile:3: RUN pip install", "error: command 'gcc' failed", "fix: install it"],
        ),
        # Only the begin of a line counts.
        (["error: this", "  error: quoted", "an error: no", AGENT], ["error: this", "  error: quoted", "an error: no"]),
    ],
)
def test_the_reason_is_the_last_error_of_the_log(log: list[str], expected: list[str]) -> None:
    assert builds.reason(_build(), log) == expected


def test_without_an_error_in_the_log_the_reason_is_that_of_the_failed_phase() -> None:
    phases = [
        {"phaseType": "INSTALL", "phaseStatus": "SUCCEEDED", "contexts": [{"statusCode": "", "message": "fine"}]},
        {"phaseType": "BUILD", "phaseStatus": "FAILED", "contexts": [{"message": "Error while\n" + "x" * 400}]},
    ]
    (line,) = builds.reason(_build(phases=phases), ["nothing", AGENT])
    assert line.startswith("BUILD: Error while\\nxxx")
    assert len(line) == 300 + len("…") + len("\\n") - 1


def test_a_build_without_any_reason() -> None:
    assert builds.reason(_build(buildStatus="FAULT"), []) == ["CodeBuild gives no reason: FAULT"]


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [("", "333"), ("aaaa", "333"), ("bbbbbbb", "222"), ("111", "111"), ("Orders-Build:111", "111")],
)
def test_the_build_that_is_meant(wanted: str, chosen: str) -> None:
    found = [_build(3, commit="a" * 40), _build(2, commit="b" * 40), _build(1, commit="a" * 40)]
    assert builds.choose(found, wanted)["id"] == f"Orders-Build:{chosen}"


def test_no_such_build() -> None:
    with pytest.raises(OperationError, match="none of the last 1 builds has a commit or an ID that starts with dddd"):
        builds.choose([_build()], "dddd")


@pytest.mark.parametrize(
    ("status", "failed"),
    [("SUCCEEDED", False), ("IN_PROGRESS", False), ("FAILED", True), ("TIMED_OUT", True), ("STOPPED", True)],
)
def test_a_build_that_failed(status: str, *, failed: bool) -> None:
    assert builds.has_failed(_build(buildStatus=status)) is failed


def test_it_says_which_build_it_is() -> None:
    assert (
        builds.described(_build())
        == f"build Orders-Build:111 of commit {'c' * 40}, started 2026-11-25 12:00:00: FAILED"
    )


def _project(stage: str) -> str:
    client = _client("codepipeline")
    kind = {"category": "Build", "owner": "AWS", "provider": "CodeBuild", "version": "1"}
    action = {"name": "Image", "actionTypeId": kind, "configuration": {"ProjectName": "Orders-Build"}}
    stages = [{"name": "Source", "actions": []}, {"name": stage, "actions": [action]}]
    with Stubber(client) as stub:
        pipeline = {"name": "orders", "roleArn": "arn:aws:iam::123456789012:role/x", "stages": stages}
        stub.add_response("get_pipeline", {"pipeline": pipeline}, {"name": "orders"})
        return builds.project_of(client, "orders")


def test_the_project_is_that_of_the_pipelines_build_stage() -> None:
    assert _project("Build") == "Orders-Build"


def test_a_pipeline_without_a_build_stage() -> None:
    with pytest.raises(OperationError, match="no action of CodeBuild in its stage Build"):
        _project("Checks")


def test_a_project_without_builds() -> None:
    client = _client("codebuild")
    with Stubber(client) as stub:
        stub.add_response("list_builds_for_project", {})
        with pytest.raises(OperationError, match="the project Orders-Build has no build yet"):
            builds.find(client, "Orders-Build", "")


def test_a_build_is_followed_to_its_end_and_the_reason_comes_last(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clients = {name: _client(name) for name in ("codebuild", "logs")}
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr(builds, "project_of", lambda _, service: f"project of {service}")
    monkeypatch.setattr(command, "client", clients.get)
    place = {"groupName": "group", "streamName": "stream"}
    running: dict[str, Any] = {"buildStatus": "IN_PROGRESS", "buildComplete": False}
    with Stubber(clients["codebuild"]) as codebuild, Stubber(clients["logs"]) as stub:
        codebuild.add_response("list_builds_for_project", {"ids": ["Orders-Build:111"]})
        # CodeBuild knows the log only when the build has begun.
        for build in (_build(**running), _build(**running, logs=place), _build(logs=place)):
            codebuild.add_response("batch_get_builds", {"builds": [build]})
        stub.add_response("get_log_events", _page("one", back="b", forward="f1"))
        stub.add_response("get_log_events", _page(back="b", forward="f1"))
        stub.add_response("get_log_events", _page("error: two", AGENT, back="b", forward="f2"))
        stub.add_response("get_log_events", _page(back="b", forward="f2"))
        assert main(["logs", "orders", "--build", "--follow"]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines() == ["one", "error: two", AGENT, "", "error: two"]
    assert [line.rpartition(": ")[2] for line in captured.err.splitlines()] == ["IN_PROGRESS", "FAILED"]


# -- releases ----------------------------------------------------------------------------------------------------------


def _entered(seconds: int, name: str, kind: str = "Task") -> dict[str, Any]:
    return {
        "type": f"{kind}StateEntered",
        "timestamp": NOON + timedelta(seconds=seconds),
        "stateEnteredEventDetails": {"name": name},
    }


def test_each_step_of_a_release_is_one_line() -> None:
    events = [
        {"type": "ExecutionStarted", "timestamp": NOON},
        _entered(0, "Begin", "Pass"),
        _entered(1, "Lock"),
        {"type": "TaskSucceeded", "timestamp": NOON},
        _entered(2, "Progress"),
        _entered(3, "Outcome", "Choice"),
        _entered(4, "WaitForDeployment", "Wait"),
        _entered(9, "Progress"),
        _entered(14, "Progress"),
        _entered(15, "Fail", "Fail"),
    ]
    assert executions.steps(events) == [
        "12:00:01 Lock",
        "12:00:02 Progress (3 times, last at 12:00:14)",
        "12:00:04 WaitForDeployment",
        "12:00:15 Fail",
    ]


def test_a_failed_release_has_its_error_and_cause() -> None:
    failed = {"error": "Release.RolledBack", "cause": "ECS gave up:\nno task became healthy"}
    assert executions.reason(failed) == ["Release.RolledBack: ECS gave up:\\nno task became healthy"]
    assert executions.reason({"status": "SUCCEEDED"}) == []


@pytest.mark.parametrize(
    ("newest_first", "chosen"),
    [
        (["reconciler: Tasks Unlock", "Ann: Update"], "e1"),
        (["reconciler: Update Unlock", "Ann: Update"], "e0"),
        (["reconciler: Tasks", "reconciler: Tasks"], "e0"),
        (["Ann: Tasks", "Ann: Update"], "e0"),
    ],
)
def test_the_last_release_is_not_a_look_of_the_reconciler(newest_first: list[str], chosen: str) -> None:
    stub = Stubber(_client("stepfunctions"))
    arn = "arn:aws:states:eu-west-1:123456789012"
    listed = [
        {"executionArn": f"{arn}:execution:orders-release:e{number}", "name": f"e{number}", "startDate": NOON}
        | {"stateMachineArn": f"{arn}:stateMachine:orders-release", "status": "SUCCEEDED"}
        for number in range(len(newest_first))
    ]
    stub.add_response("list_executions", {"executions": listed})
    for execution, (by, _, names) in zip(listed, (text.partition(": ") for text in newest_first), strict=True):
        stub.add_response("describe_execution", {**execution, "input": json.dumps({"by": by})})
        if by != "reconciler":
            break
        events = [{**_entered(second, name), "id": second} for second, name in enumerate(names.split(), start=1)]
        stub.add_response("get_execution_history", {"events": events})
        if "Update" in names:
            break
    with stub:
        assert executions.last(stub.client, f"{arn}:stateMachine:orders-release")["name"] == chosen
        stub.assert_no_pending_responses()


def test_the_step_that_changes_the_service_is_one_of_a_release() -> None:
    update = RELEASE["States"][executions._UPDATE]
    assert update["Resource"].endswith("aws-sdk:ecs:updateService")


def test_it_says_which_release_it_is() -> None:
    execution = {"name": "abc", "startDate": NOON, "status": "FAILED", "input": '{"commit": "c0ffee", "by": "Ann"}'}
    assert executions.described(execution) == (
        "release abc of commit c0ffee, by Ann, started 2026-11-25 12:00:00: FAILED"
    )
    assert executions.described({**execution, "input": "{}"}).startswith("release abc, started ")


def test_only_events_of_the_service_during_the_release() -> None:
    events = [{"createdAt": NOON + timedelta(seconds=at), "message": f"at {at}"} for at in (11, 10, 5, 0, -1)]
    ended = {"startDate": NOON, "stopDate": NOON + timedelta(seconds=10)}
    assert executions.during(ended, events) == ["12:00:00 at 0", "12:00:05 at 5", "12:00:10 at 10"]
    assert executions.during({"startDate": NOON}, events)[-1] == "12:00:11 at 11"


@contextmanager
def _failed_release(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """The service orders, whose last release has failed; the history of the execution is for the test to add."""
    stubs = {name: Stubber(_client(name)) for name in ("ssm", "sts", "stepfunctions", "ecs")}
    arn = "arn:aws:states:eu-west-1:123456789012"
    execution = {"executionArn": f"{arn}:execution:orders-release:abc", "name": "abc", "startDate": NOON}
    execution |= {"stateMachineArn": f"{arn}:stateMachine:orders-release", "status": "FAILED"}
    failure = {"error": "Release.RolledBack", "cause": "no task became healthy", "input": "{}"}
    event = {"createdAt": NOON, "message": "(service orders) deployment failed"}
    for service, operation, response in (
        ("ssm", "get_parameters_by_path", {"Parameters": [{"Name": "/pythonbase/services/orders/release"}]}),
        ("sts", "get_caller_identity", {"Arn": "arn:aws:iam::123456789012:user/ann"}),
        ("stepfunctions", "list_executions", {"executions": [execution]}),
        ("stepfunctions", "describe_execution", {**execution, **failure}),
        ("stepfunctions", "list_tags_for_resource", {"tags": [{"key": CLUSTER_TAG, "value": "cluster"}]}),
        ("ecs", "describe_services", {"services": [{"events": [event]}]}),
    ):
        stubs[service].add_response(operation, response)
    monkeypatch.setattr(command, "client", lambda service: stubs[service].client)
    with ExitStack() as active:
        for stub in stubs.values():
            active.enter_context(stub)
        yield stubs["stepfunctions"]


def test_a_failed_release_begins_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    events = [{**_entered(second, name), "id": second} for second, name in ((1, "Lock"), (9, "PutBack"))]
    with _failed_release(monkeypatch) as stub:
        stub.add_response("get_execution_history", {"events": events})
        assert main(["logs", "orders", "--release"]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [
        "Release.RolledBack: no task became healthy",
        "",
        "12:00:01 Lock",
        "12:00:09 PutBack",
        "",
        "12:00:00 (service orders) deployment failed",
    ]
    assert captured.err == "release abc, started 2026-11-25 12:00:00: FAILED\n"


def test_a_missing_permission_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    said = "User ann is not authorized to perform: states:GetExecutionHistory"
    with _failed_release(monkeypatch) as stub:
        stub.add_client_error("get_execution_history", "AccessDeniedException", said)
        assert main(["logs", "orders", "--release"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"pythonbase: GetExecutionHistory: AccessDeniedException: {said}\n"


def test_the_tag_of_the_cluster_is_that_of_the_constructs() -> None:
    assert services._CLUSTER_TAG == CLUSTER_TAG


# -- the command line --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--since", "soon"], "such as 10m, 2h or 1d; got 'soon'"),
        (["--build", "--release"], "not allowed with argument"),
    ],
)
def test_wrong_options(options: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["logs", "orders", *options])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_release_cannot_be_followed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", "orders", "--release", "--follow"]) == 1
    assert capsys.readouterr().err == "pythonbase: --release prints the whole release: leave out --follow and --since\n"


def test_a_reader_that_has_enough_is_no_traceback() -> None:
    program = (
        "import sys; from pythonbase_operations import cli, subcommands\n"
        "class Parser:\n"
        "    def parse_args(self, arguments): return self\n"
        "    def run(self, options):\n"
        "        for _ in range(100000): print('a line')\n"
        "subcommands.parser = Parser\n"
        "sys.exit(cli.main([]))\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=30) == 141
