"""Build statuses: the resources, and what the function sends to Bitbucket. Its run by events: tests/localcloud."""

from __future__ import annotations

import base64
import importlib.util
import json
import threading
from collections.abc import Callable, Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3
import pytest
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk.assertions import Template
from botocore.exceptions import ClientError
from botocore.stub import Stubber

import pythonbase.monitoring.build_statuses as module
from pythonbase import BITBUCKET_API, BuildStatuses
from tests.unit.synthesis import (
    ACCOUNT,
    CONNECTION,
    REGION,
    SETTINGS,
    allowed,
    new_platform,
    new_stack,
    only,
    platform_stacks,
    resources,
    text,
    trusted_by,
)

_HANDLER = Path(module.__file__).parent / "handlers" / "build_status" / "index.py"
_COMMIT = "0123456789abcdef0123456789abcdef01234567"
_LOG = "https://console.aws.amazon.com/cloudwatch/home#the-log"


@pytest.fixture(scope="module")
def template() -> Template:
    stack = new_stack()
    secret = secretsmanager.Secret.from_secret_complete_arn(
        stack, "Secret", f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:bitbucket/statuses-AbCdEf"
    )
    BuildStatuses(stack, "Statuses", connection_arn=CONNECTION, credentials=secret)
    return Template.from_stack(stack)


def test_there_is_one_function_for_all_pipelines_and_two_kinds_of_event_reach_it(template: Template) -> None:
    function = only(template, "AWS::Lambda::Function")
    patterns = {
        name: rule.properties["EventPattern"] for name, rule in resources(template, "AWS::Events::Rule").items()
    }
    assert {name: pattern["detail-type"] for name, pattern in patterns.items()} == {
        "StatusesBegun": ["CodePipeline Action Execution State Change"],
        "StatusesEnded": ["CodePipeline Pipeline Execution State Change"],
    }
    assert patterns["StatusesBegun"]["detail"]["type"]["category"] == ["Source"]
    assert "STARTED" not in patterns["StatusesEnded"]["detail"]["state"]  # the commit is not known yet
    for rule in resources(template, "AWS::Events::Rule").values():
        (target,) = rule.properties["Targets"]
        assert text(target["Arn"]) == "${StatusesFunction.Arn}"
        assert target["RetryPolicy"]["MaximumRetryAttempts"] == 2
    assert function.properties["Environment"]["Variables"] == {
        "API_URL": "https://api.bitbucket.org/2.0",
        "CONNECTION_ARN": CONNECTION,
        "CREDENTIALS": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:bitbucket/statuses-AbCdEf",
    }
    assert BITBUCKET_API == "https://api.bitbucket.org/2.0"


def test_the_function_may_read_executions_and_its_secret_and_log(template: Template) -> None:
    secret = {f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:bitbucket/statuses-AbCdEf"}
    pipelines = {f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:*"}
    rights = allowed(template, "StatusesRole")
    assert {key: {item.replace("${AWS::Partition}", "aws") for item in on} for key, on in rights.items()} == {
        "logs:CreateLogStream": {"${StatusesLogs.Arn}"},
        "logs:PutLogEvents": {"${StatusesLogs.Arn}"},
        "secretsmanager:GetSecretValue": secret,
        "codepipeline:GetPipelineExecution": pipelines,
        "codepipeline:ListActionExecutions": pipelines,
    }
    assert trusted_by(template, "StatusesRole") == ["lambda.amazonaws.com"]
    (denied,) = [
        statement
        for policy in resources(template, "AWS::IAM::Policy").values()
        for statement in policy.properties["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
    ]
    assert {text(denied["Resource"])} == pipelines
    assert denied["Condition"] == {"StringNotEquals": {"aws:ResourceTag/pythonbase:connection": CONNECTION}}
    assert set(denied["Action"]) == {action for action in rights if action.startswith("codepipeline:")}


def test_the_timeout_of_the_function_covers_all_its_attempts(template: Template, handler: ModuleType) -> None:
    longest = sum(handler._WAITS) + (len(handler._WAITS) + 1) * handler._TIMEOUT_SECONDS
    assert only(template, "AWS::Lambda::Function").properties["Timeout"] > longest


# -- the handler, against a fake Bitbucket server ----------------------------------------------------------------------


class Bitbucket(HTTPServer):
    """Answers with the given statuses in turn, then with 201; keeps the requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.answers: list[int] = []
        self.received: list[tuple[str, str, dict[str, Any]]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Answers(BaseHTTPRequestHandler):
    server: Bitbucket

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.received.append((self.path, self.headers["Authorization"], body))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 201)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


@pytest.fixture(scope="module")
def handler() -> ModuleType:
    specification = importlib.util.spec_from_file_location("build_status_index", _HANDLER)
    assert specification
    assert specification.loader
    loaded = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(loaded)
    return loaded


@pytest.fixture
def bitbucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bitbucket]:
    server = Bitbucket()
    monkeypatch.setenv("API_URL", f"http://127.0.0.1:{server.server_port}/2.0")
    monkeypatch.setenv("CONNECTION_ARN", CONNECTION)
    monkeypatch.setenv("CREDENTIALS", "bitbucket/statuses")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield server
    server.shutdown()
    server.server_close()


Invoke = Callable[..., str]


@cache
def _session() -> boto3.Session:
    """One client for all tests: reading the API models takes longer than all the rest."""
    return boto3.Session()


def _action(stage: str, provider: str, *, status: str = "Succeeded", **output: Any) -> dict[str, Any]:
    return {
        "stageName": stage,
        "status": status,
        "input": {"actionTypeId": {"category": "Build", "owner": "AWS", "provider": provider, "version": "1"}},
        "output": output,
    }


SOURCE = _action(
    "Source",
    "CodeStarSourceConnection",
    outputVariables={
        "CommitId": _COMMIT,
        "BranchName": "feature",
        "ConnectionArn": CONNECTION,
        "FullRepositoryName": "acme/orders",
    },
)


def _source_of(**variables: str) -> dict[str, Any]:
    """What the source action reports for a run that no push to a branch started."""
    kept = {name: value for name, value in SOURCE["output"]["outputVariables"].items() if name != "BranchName"}
    return _action("Source", "CodeStarSourceConnection", outputVariables=kept | variables)


BUILD = _action("Build", "CodeBuild", executionResult={"externalExecutionUrl": _LOG})
DEPLOY = _action("Deploy", "ECS", executionResult={"externalExecutionUrl": "https://ecs"})


@pytest.fixture
def invoke(handler: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Invokes the handler for an execution with these actions, oldest first; its status may change as it is read."""
    waited: list[float] = []
    # Not the module's own sleep: other threads of this process sleep too.
    monkeypatch.setattr(handler, "time", SimpleNamespace(sleep=waited.append))
    session = _session()

    def run(
        status: str | list[str],
        *actions: dict[str, Any],
        pipeline: str = "orders",
        secret: dict[str, str] | None = None,
        error: str | None = None,
    ) -> str:
        clients = {name: session.client(name, region_name=REGION) for name in ("codepipeline", "secretsmanager")}
        stubs = {name: Stubber(client) for name, client in clients.items()}
        statuses = [status] if isinstance(status, str) else status
        if error:
            stubs["codepipeline"].add_client_error("list_action_executions", service_error_code=error)
        for now in [*statuses, *statuses[-1:] * (len(handler._WAITS) + 1)]:
            stubs["codepipeline"].add_response(
                "list_action_executions",
                {"actionExecutionDetails": list(reversed(actions))},
                {"pipelineName": pipeline, "filter": {"pipelineExecutionId": "execution-1"}},
            )
            stubs["codepipeline"].add_response("get_pipeline_execution", {"pipelineExecution": {"status": now}})
            stubs["secretsmanager"].add_response(
                "get_secret_value",
                {"SecretString": json.dumps(secret or {"token": "a-token"})},
                {"SecretId": "bitbucket/statuses"},
            )
        for stub in stubs.values():
            stub.activate()
        monkeypatch.setattr(handler, "boto3", SimpleNamespace(client=clients.__getitem__))
        event = {"region": REGION, "detail": {"pipeline": pipeline, "execution-id": "execution-1"}}
        line: str = handler.handler(event, None)
        return line

    run.waited = waited  # type: ignore[attr-defined]
    return run


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("InProgress", "INPROGRESS"),
        ("Succeeded", "SUCCESSFUL"),
        ("Failed", "FAILED"),
        ("Stopped", "STOPPED"),
        ("Superseded", "STOPPED"),
        ("Cancelled", "STOPPED"),
    ],
)
def test_the_commit_shows_the_status_of_the_execution(
    invoke: Invoke, bitbucket: Bitbucket, status: str, state: str
) -> None:
    line = invoke(status, SOURCE)
    ((path, _, body),) = bitbucket.received
    assert path == f"/2.0/repositories/acme/orders/commit/{_COMMIT}/statuses/build"
    assert body == {
        "key": "orders",
        "name": "orders",
        "state": state,
        "refname": "feature",
        "url": f"https://{REGION}.console.aws.amazon.com/codesuite/codepipeline/pipelines/orders/executions/execution-1"
        f"/timeline?region={REGION}",
    }
    assert line == f"orders execution-1: {state} to acme/orders {_COMMIT}: 201"


def test_the_link_is_the_log_if_the_build_was_the_last_action(invoke: Invoke, bitbucket: Bitbucket) -> None:
    for actions in ((SOURCE, BUILD), (SOURCE, BUILD, DEPLOY)):
        invoke("Succeeded", *actions)
    first, second = (body["url"] for _, _, body in bitbucket.received)
    assert first == _LOG
    assert "/codepipeline/pipelines/orders/executions/execution-1/timeline" in second


def test_a_failure_says_where_and_why(invoke: Invoke, bitbucket: Bitbucket) -> None:
    result = {"externalExecutionUrl": _LOG, "errorDetails": {"code": "JobFailed", "message": "tests failed " * 50}}
    invoke("Failed", SOURCE, _action("Build", "CodeBuild", status="Failed", executionResult=result))
    ((_, _, body),) = bitbucket.received
    assert body["description"].startswith("Build failed: tests failed tests failed")
    assert len(body["description"]) == 255
    assert body["url"] == _LOG


def test_a_long_name_has_a_short_key(invoke: Invoke, bitbucket: Bitbucket) -> None:
    name = "a-service-with-a-rather-long-name-pull-requests"
    invoke("Succeeded", SOURCE, pipeline=name)
    ((_, _, body),) = bitbucket.received
    assert (len(body["key"]), body["name"]) == (40, name)


@pytest.mark.parametrize(
    ("secret", "sent"),
    [
        ({"token": "a-secret"}, "Bearer a-secret"),
        (
            {"email": "ci@acme.example", "token": "a-secret"},
            f"Basic {base64.b64encode(b'ci@acme.example:a-secret').decode()}",
        ),
    ],
)
def test_access_tokens_and_api_tokens_are_sent_as_bitbucket_requires(
    invoke: Invoke, bitbucket: Bitbucket, secret: dict[str, str], sent: str
) -> None:
    line = invoke("Succeeded", SOURCE, secret=secret)
    assert [authorization for _, authorization, _ in bitbucket.received] == [sent]
    assert "a-secret" not in line


@pytest.mark.parametrize("status", [500, 503, 429, 408])
def test_it_retries_with_exponential_backoff_while_bitbucket_is_down(
    invoke: Any, bitbucket: Bitbucket, status: int
) -> None:
    bitbucket.answers = [status, status, status]
    assert invoke("Succeeded", SOURCE).endswith(": 201")
    assert invoke.waited == [1, 2, 4]


def _states(bitbucket: Bitbucket) -> list[str]:
    return [body["state"] for _, _, body in bitbucket.received]


def test_an_attempt_after_an_outage_reports_the_current_status(invoke: Any, bitbucket: Bitbucket) -> None:
    bitbucket.answers = [503]
    assert ": SUCCESSFUL to " in invoke(["InProgress", "Succeeded"], SOURCE)
    assert _states(bitbucket) == ["INPROGRESS", "SUCCESSFUL"]


def test_an_attempt_that_was_overtaken_by_another_event_is_corrected(invoke: Any, bitbucket: Bitbucket) -> None:
    # it ended during the first attempt, and the other event's attempt may have come first
    assert ": SUCCESSFUL to " in invoke(["InProgress", "Succeeded"], SOURCE)
    assert _states(bitbucket) == ["INPROGRESS", "SUCCESSFUL"]
    assert invoke.waited == []


def test_it_gives_up_after_a_minute_so_that_lambda_tries_again(
    invoke: Any, bitbucket: Bitbucket, handler: ModuleType
) -> None:
    bitbucket.answers = [503] * 20
    with pytest.raises(handler.BitbucketUnavailableError, match="503"):
        invoke("Succeeded", SOURCE)
    assert len(bitbucket.received) == 7
    assert sum(invoke.waited) == 63


def test_an_unreachable_bitbucket_is_retried_like_one_that_is_down(
    invoke: Any, handler: ModuleType, bitbucket: Bitbucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_URL", "http://127.0.0.1:9/2.0")
    with pytest.raises(handler.BitbucketUnavailableError, match="refused"):
        invoke("Succeeded", SOURCE)
    assert bitbucket.received == []


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_request_that_bitbucket_refuses_is_not_retried(invoke: Any, bitbucket: Bitbucket, status: int) -> None:
    bitbucket.answers = [status]
    assert f": refused: {status}" in invoke("Succeeded", SOURCE)
    assert len(bitbucket.received) == 1
    assert invoke.waited == []


@pytest.mark.parametrize("variables", [{}, {"CommitId": _COMMIT, "ConnectionArn": f"{CONNECTION}-other"}])
def test_a_pipeline_with_another_source_is_not_reported(
    invoke: Invoke, bitbucket: Bitbucket, variables: dict[str, str]
) -> None:
    line = invoke("Succeeded", _action("Source", "S3", outputVariables=variables))
    assert line.endswith("nothing to report")
    assert bitbucket.received == []


def test_a_pipeline_that_it_may_not_read_is_not_reported_and_nothing_fails(
    invoke: Invoke, bitbucket: Bitbucket
) -> None:
    line = invoke("Succeeded", SOURCE, error="AccessDeniedException")
    assert "not a pipeline of this connection, nothing to report: " in line
    assert "AccessDeniedException" in line
    assert bitbucket.received == []


def test_a_throttled_call_of_codepipeline_is_retried_by_lambda(invoke: Invoke, bitbucket: Bitbucket) -> None:
    with pytest.raises(ClientError, match="ThrottlingException"):
        invoke("Succeeded", SOURCE, error="ThrottlingException")
    assert bitbucket.received == []


# -- the application ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("credentials", [None, "bitbucket/statuses"])
def test_the_application_reports_only_with_credentials(credentials: str | None) -> None:
    statuses = {"status_credentials": credentials} if credentials else {}
    stacks = platform_stacks(new_platform({**SETTINGS, "bitbucket": {"connection_arn": CONNECTION, **statuses}}))
    assert ("BuildStatus" in stacks) is (credentials is not None)
    if credentials:
        variables = only(Template.from_stack(stacks["BuildStatus"]), "AWS::Lambda::Function").properties["Environment"]
        assert variables["Variables"]["CONNECTION_ARN"] == CONNECTION


def test_the_run_of_a_tag_has_no_branch_and_is_reported(invoke: Invoke, bitbucket: Bitbucket) -> None:
    invoke("Succeeded", _source_of(), BUILD)
    ((_, _, body),) = bitbucket.received
    assert body["state"] == "SUCCESSFUL"
    assert "refname" not in body


def test_the_run_of_a_pull_request_names_its_source_branch(invoke: Invoke, bitbucket: Bitbucket) -> None:
    invoke("Succeeded", _source_of(SourceBranchName="feature", DestinationBranchName="main"), BUILD)
    ((_, _, body),) = bitbucket.received
    assert body["refname"] == "feature"
