"""CodePipeline with Bitbucket, connections, builds, approvals, functions and state machines."""

from __future__ import annotations

import io
import json
import time
import urllib.parse
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from pythonbase_localcloud.testing.callers import allow, caller, service_role, set_policy, unique, wait_for
from pythonbase_localcloud.testing.pipelines import (
    NOTICED_SECONDS,
    Pipeline,
    Repository,
    approval_stage,
    authorize,
    stage_action,
)
from pythonbase_localcloud.testing.registry_client import RegistryClient

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pythonbase_localcloud.testing.cloud import Cloud

LOGS = allow("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")


def _build_project(cloud: Cloud, bucket_arn: str, spec: str) -> str:
    name = unique("project")
    role = service_role(cloud, "codebuild.amazonaws.com", LOGS, allow("s3:GetObject", "s3:PutObject", on=bucket_arn))
    cloud.client("codebuild").create_project(
        name=name,
        serviceRole=role,
        source={"type": "CODEPIPELINE", "buildspec": spec},
        artifacts={"type": "CODEPIPELINE"},
        environment={"type": "LINUX_CONTAINER", "computeType": "BUILD_GENERAL1_SMALL", "image": "aws/codebuild/x"},
    )
    return name


def _build_stage(project: str, **configuration: Any) -> dict[str, Any]:
    return {
        "name": "Build",
        "actions": [
            stage_action(
                "Build",
                "Build",
                "CodeBuild",
                inputs=("Source",),
                outputs=["Built"],
                namespace="Build",
                ProjectName=project,
                **configuration,
            )
        ],
    }


def _started_build(cloud: Cloud, project: str) -> list[dict[str, Any]]:
    return [
        allow(
            "codebuild:StartBuild",
            "codebuild:BatchGetBuilds",
            "codebuild:StopBuild",
            on=f"arn:aws:codebuild:{cloud.region}:{cloud.account}:project/{project}",
        )
    ]


@pytest.fixture
def repository(cloud: Cloud, tmp_path: Path) -> Repository:
    return Repository(cloud, tmp_path)


def test_a_new_pipeline_runs_once_and_fails_while_its_connection_is_pending(
    cloud: Cloud, repository: Repository
) -> None:
    commit = repository.push(a="1")
    pipeline = Pipeline(cloud, repository, approval_stage(), authorized=False)
    assert pipeline.first["status"] == "Failed"
    error = pipeline.actions(pipeline.first)["Bitbucket"]["output"]["executionResult"]["errorDetails"]
    assert error["code"] == "ConfigurationError"
    assert "its status is PENDING" in error["message"]
    state = cloud.client("codeconnections").get_connection(ConnectionArn=pipeline.connection)["Connection"]
    assert state["ConnectionStatus"] == "PENDING"
    # A push starts nothing while the connection is pending, and one after the handshake does.
    repository.push(wait=False, a="2")
    authorize(cloud, pipeline.connection)
    time.sleep(NOTICED_SECONDS)
    pushed = repository.push(a="3")
    execution = wait_for(lambda: next((item for item in pipeline.executions() if item["sourceRevisions"]), None))
    assert [revision["revisionId"] for revision in execution["sourceRevisions"]] == [pushed] != [commit]
    assert execution["trigger"]["triggerType"] == "WebhookV2"
    assert len(pipeline.executions()) == 2


def test_only_root_may_finish_the_handshake(cloud: Cloud) -> None:
    connection = cloud.client("codeconnections").create_connection(
        ProviderType="Bitbucket", ConnectionName=unique("c")
    )["ConnectionArn"]
    path = f"/_localcloud/connections/{urllib.parse.quote(connection, safe='')}/authorize"
    assert RegistryClient(cloud).call("POST", path, b"").status == 403
    wrong = {"x-localcloud-access-key": cloud.account, "x-localcloud-secret": "wrong"}
    assert RegistryClient(cloud).call("POST", path, b"", headers=wrong).status == 403


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"FullRepositoryId": "team/nothing"}, "No Repository team/nothing found"),
        ({"BranchName": "nothing"}, "No Branch [nothing] found"),
        ({"OutputArtifactFormat": "CODE_TAR"}, "no output artifact format CODE_TAR"),
    ],
)
def test_a_source_that_is_not_there_is_named(
    cloud: Cloud, repository: Repository, change: dict[str, str], why: str
) -> None:
    repository.push(a="1")
    pipeline = Pipeline(cloud, repository, approval_stage())
    pipeline.declaration["stages"][0]["actions"][0]["configuration"].update(change)
    pipeline.client.update_pipeline(pipeline=pipeline.declaration)
    execution = pipeline.run()
    assert execution["status"] == "Failed"
    assert why in execution["statusSummary"]


def test_the_source_needs_use_connection_and_the_bucket(cloud: Cloud, repository: Repository) -> None:
    repository.push(a="1")
    pipeline = Pipeline(cloud, repository, approval_stage())
    bucket, connection = pipeline.needed
    for rest, missing in (([bucket], "codeconnections:UseConnection"), ([connection], "s3:PutObject")):
        set_policy(cloud, pipeline.role, *rest)
        execution = pipeline.run()
        error = pipeline.actions(execution)["Bitbucket"]["output"]["executionResult"]["errorDetails"]
        assert (execution["status"], error["code"]) == ("Failed", "PermissionError")
        assert "AccessDenied" in error["message"] or missing in error["message"]


def test_a_release_carries_artifacts_variables_and_the_builds_results(cloud: Cloud, repository: Repository) -> None:
    repository.push(hello__txt="hello")
    spec = json.dumps(
        {
            "version": "0.2",
            "env": {"exported-variables": ["LINES"]},
            "phases": {
                "build": {
                    "commands": [
                        'export LINES="$(cat hello.txt) $COMMIT $WHO"',
                        "echo $LINES > out.txt",
                        "echo $CODEBUILD_RESOLVED_SOURCE_VERSION > version.txt",
                    ]
                }
            },
            "artifacts": {"files": ["*.txt"]},
        }
    )
    pipeline = Pipeline(cloud, repository, approval_stage())
    project = _build_project(cloud, f"arn:aws:s3:::{pipeline.bucket}/*", spec)
    set_policy(cloud, pipeline.role, *pipeline.needed, *_started_build(cloud, project))
    variables = json.dumps(
        [
            {"name": "COMMIT", "value": "#{Src.CommitId}"},
            {"name": "WHO", "value": "#{variables.Who} #{codepipeline.PipelineExecutionId}"},
        ]
    )
    pipeline.declaration["stages"][1] = _build_stage(project, EnvironmentVariables=variables)
    pipeline.declaration["variables"] = [{"name": "Who", "defaultValue": "nobody"}]
    assert pipeline.client.update_pipeline(pipeline=pipeline.declaration)["pipeline"]["version"] == 2
    commit = repository.push(hello__txt="hello again")
    execution = pipeline.ended(commit=commit)
    assert execution["status"] == "Succeeded"
    build = pipeline.actions(execution)["Build"]["output"]
    line = f"hello again {commit} nobody {execution['pipelineExecutionId']}"
    assert build["outputVariables"] == {"LINES": line}
    location = build["outputArtifacts"][0]["s3location"]
    body = cloud.client("s3").get_object(Bucket=location["bucket"], Key=location["key"])["Body"].read()
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.read("out.txt").decode() == f"{line}\n"
        assert archive.read("version.txt").decode() == f"{commit}\n"
    manual = pipeline.run(variables=[{"name": "Who", "value": "me"}])
    assert " me " in pipeline.actions(manual)["Build"]["output"]["outputVariables"]["LINES"]
    # Without the permission to start the build the action says so.
    set_policy(cloud, pipeline.role, *pipeline.needed)
    denied = pipeline.run()
    error = pipeline.actions(denied)["Build"]["output"]["executionResult"]["errorDetails"]
    assert error["code"] == "PermissionError"
    assert "codebuild:StartBuild" in error["message"]


def test_a_failed_build_fails_the_execution_with_the_reason_and_can_be_retried(
    cloud: Cloud, repository: Repository
) -> None:
    repository.push(ok="")
    pipeline = Pipeline(cloud, repository, approval_stage())
    spec = json.dumps(
        {
            "version": "0.2",
            "phases": {"build": {"commands": ["aws ssm get-parameter --name /tests/go"]}},
            "artifacts": {"files": ["ok"]},
        }
    )
    project = _build_project(cloud, f"arn:aws:s3:::{pipeline.bucket}/*", spec)
    set_policy(cloud, pipeline.role, *pipeline.needed, *_started_build(cloud, project))
    pipeline.declaration["stages"][1] = _build_stage(project)
    pipeline.client.update_pipeline(pipeline=pipeline.declaration)
    execution = pipeline.run()
    assert execution["status"] == "Failed"
    assert (
        "Error while executing command: aws ssm get-parameter --name /tests/go. Reason: exit status"
        in execution["statusSummary"]
    )
    role = cloud.client("codebuild").batch_get_projects(names=[project])["projects"][0]["serviceRole"]
    cloud.client("ssm").put_parameter(Name="/tests/go", Value="1", Type="String", Overwrite=True)
    set_policy(cloud, role, LOGS, allow("s3:*", "ssm:GetParameter"))
    pipeline.client.retry_stage_execution(
        pipelineName=pipeline.name,
        stageName="Build",
        pipelineExecutionId=execution["pipelineExecutionId"],
        retryMode="FAILED_ACTIONS",
    )
    retried = wait_for(lambda: next((item for item in pipeline.executions() if item["status"] == "Succeeded"), None))
    assert retried["pipelineExecutionId"] == execution["pipelineExecutionId"]


def test_an_approval_waits_and_its_answer_decides(cloud: Cloud, repository: Repository) -> None:
    repository.push(a="1")
    pipeline = Pipeline(cloud, repository, approval_stage())
    for answer, outcome in (("Approved", "Succeeded"), ("Rejected", "Failed")):
        pipeline.client.start_pipeline_execution(name=pipeline.name)

        def token() -> str | None:
            stages = pipeline.client.get_pipeline_state(name=pipeline.name)["stageStates"]
            latest: dict[str, str] = stages[1]["actionStates"][0].get("latestExecution", {})
            return latest.get("token")

        waiting = wait_for(token)
        with pytest.raises(ClientError, match="InvalidApprovalToken"):
            pipeline.client.put_approval_result(
                pipelineName=pipeline.name,
                stageName="Approval",
                actionName="Approve",
                token="0" * 36,
                result={"status": "Approved", "summary": ""},
            )
        pipeline.client.put_approval_result(
            pipelineName=pipeline.name,
            stageName="Approval",
            actionName="Approve",
            token=waiting,
            result={"status": answer, "summary": "because"},
        )
        execution = wait_for(
            lambda: next((item for item in pipeline.executions()[:1] if item["status"] != "InProgress"), None)
        )
        assert execution["status"] == outcome


def test_executions_queue_up_and_a_stopped_one_makes_room(cloud: Cloud, repository: Repository) -> None:
    repository.push(a="1")
    pipeline = Pipeline(cloud, repository, approval_stage())
    first = pipeline.client.start_pipeline_execution(name=pipeline.name)["pipelineExecutionId"]
    second = pipeline.client.start_pipeline_execution(name=pipeline.name)["pipelineExecutionId"]

    def stage() -> dict[str, Any]:
        return dict(pipeline.client.get_pipeline_state(name=pipeline.name)["stageStates"][1])

    waiting = wait_for(lambda: stage() if stage().get("inboundExecution") else None)
    assert waiting["latestExecution"]["pipelineExecutionId"] == first
    assert waiting["inboundExecution"]["pipelineExecutionId"] == second
    pipeline.client.stop_pipeline_execution(pipelineName=pipeline.name, pipelineExecutionId=first, abandon=True)
    wait_for(lambda: stage()["latestExecution"]["pipelineExecutionId"] == second)
    statuses = {item["pipelineExecutionId"]: item["status"] for item in pipeline.executions()}
    assert (statuses[first], statuses[second]) == ("Stopped", "InProgress")
    pipeline.client.stop_pipeline_execution(pipelineName=pipeline.name, pipelineExecutionId=second, abandon=True)


def test_in_superseded_mode_the_newest_execution_takes_the_place_of_the_waiting_one(
    cloud: Cloud, repository: Repository
) -> None:
    repository.push(a="1")
    pipeline = Pipeline(cloud, repository, approval_stage(), executionMode="SUPERSEDED")
    ids = []
    for _ in range(3):
        ids.append(pipeline.client.start_pipeline_execution(name=pipeline.name)["pipelineExecutionId"])
        wait_for(
            lambda: any(
                item["pipelineExecutionId"] == ids[-1] and item["sourceRevisions"] for item in pipeline.executions()
            )
        )
    wait_for(lambda: next((item for item in pipeline.executions() if item["status"] == "Superseded"), None))
    statuses = {item["pipelineExecutionId"]: item["status"] for item in pipeline.executions()}
    assert [statuses[item] for item in ids] == ["InProgress", "Superseded", "InProgress"]
    for item in (ids[0], ids[2]):
        pipeline.client.stop_pipeline_execution(pipelineName=pipeline.name, pipelineExecutionId=item, abandon=True)


def test_triggers_select_branches_and_detect_changes_can_be_off(cloud: Cloud, repository: Repository) -> None:
    repository.push(a="1")
    off = Pipeline(cloud, repository, approval_stage(), source={"DetectChanges": "false"})
    filtered = Pipeline(
        cloud,
        repository,
        approval_stage(),
        triggers=[
            {
                "providerType": "CodeStarSourceConnection",
                "gitConfiguration": {
                    "sourceActionName": "Bitbucket",
                    "push": [{"branches": {"includes": ["release/*"]}}],
                },
            }
        ],
    )
    repository.push(a="2")
    commit = repository.push("release/1", a="3")
    execution = wait_for(lambda: next((item for item in filtered.executions() if item["sourceRevisions"]), None))
    assert execution["sourceRevisions"][0]["revisionId"] == commit
    assert filtered.actions(execution)["Bitbucket"]["output"]["outputVariables"]["BranchName"] == "release/1"
    assert len(filtered.executions()) == 2
    assert len(off.executions()) == 1
    filtered.client.stop_pipeline_execution(
        pipelineName=filtered.name, pipelineExecutionId=execution["pipelineExecutionId"], abandon=True
    )


def test_a_state_machine_is_started_with_the_role_and_its_failure_is_the_actions(
    cloud: Cloud, repository: Repository
) -> None:
    repository.push(a="1")
    states = cloud.client("stepfunctions")
    definition = {
        "StartAt": "Check",
        "States": {
            "Check": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.commit", "StringEquals": "bad", "Next": "No"}],
                "Default": "Yes",
            },
            "Yes": {"Type": "Succeed"},
            "No": {"Type": "Fail", "Error": "Nope", "Cause": "it is bad"},
        },
    }
    machine = states.create_state_machine(
        name=unique("m"), definition=json.dumps(definition), roleArn=service_role(cloud, "states.amazonaws.com")
    )["stateMachineArn"]

    def stage(text: str) -> dict[str, Any]:
        return {
            "name": "Record",
            "actions": [
                stage_action(
                    "Record", "Invoke", "StepFunctions", StateMachineArn=machine, Input=text, ExecutionNamePrefix="rec"
                )
            ],
        }

    permission = [
        allow("states:StartExecution", "states:DescribeStateMachine", on=machine),
        allow("states:DescribeExecution", on=machine.replace(":stateMachine:", ":execution:") + ":*"),
    ]
    pipeline = Pipeline(cloud, repository, stage('{"commit": "#{Src.CommitId}"}'), role_statements=permission)
    assert pipeline.run()["status"] == "Succeeded"
    (run,) = states.list_executions(stateMachineArn=machine)["executions"]
    assert json.loads(states.describe_execution(executionArn=run["executionArn"])["input"])["commit"]
    pipeline.declaration["stages"][1] = stage('{"commit": "bad"}')
    pipeline.client.update_pipeline(pipeline=pipeline.declaration)
    failed = pipeline.run()
    assert failed["status"] == "Failed"
    assert "Nope: it is bad" in failed["statusSummary"]
    set_policy(cloud, pipeline.role, *pipeline.needed[:2])
    assert "states:StartExecution" in pipeline.run()["statusSummary"]


def test_an_unresolved_variable_fails_the_action(cloud: Cloud, repository: Repository) -> None:
    repository.push(a="1")
    stage = {
        "name": "Record",
        "actions": [stage_action("Record", "Invoke", "StepFunctions", StateMachineArn="x", Input="#{Nothing.Here}")],
    }
    pipeline = Pipeline(cloud, repository, stage)
    assert "#{Nothing.Here}" in pipeline.run()["statusSummary"]


def test_a_wrong_structure_is_refused(cloud: Cloud, repository: Repository) -> None:
    repository.push(a="1")
    pipeline = Pipeline(cloud, repository, approval_stage(), authorized=False)
    for change, code in (
        ({"stages": pipeline.declaration["stages"][:1]}, "InvalidStructureException"),
        (
            {
                "stages": [
                    pipeline.declaration["stages"][0],
                    _build_stage("p") | {"actions": [stage_action("B", "Build", "CodeBuild", inputs=("Missing",))]},
                ]
            },
            "InvalidStageDeclarationException",
        ),
        (
            {
                "stages": [
                    pipeline.declaration["stages"][0],
                    {"name": "D", "actions": [stage_action("D", "Deploy", "CloudFormation")]},
                ]
            },
            "InvalidActionDeclarationException",
        ),
    ):
        with pytest.raises(ClientError) as error:
            pipeline.client.update_pipeline(pipeline={**pipeline.declaration, **change})
        assert error.value.response["Error"]["Code"] == code


def test_the_api_is_checked_on_the_pipeline_and_creation_needs_pass_role(cloud: Cloud, repository: Repository) -> None:
    repository.push(a="1")
    pipeline = Pipeline(cloud, repository, approval_stage(), authorized=False)
    arn = f"arn:aws:codepipeline:{cloud.region}:{cloud.account}:{pipeline.name}"
    mine = caller(cloud, allow("codepipeline:*", on=arn))("codepipeline")
    assert mine.get_pipeline(name=pipeline.name)["metadata"]["pipelineArn"] == arn
    assert mine.list_action_executions(pipelineName=pipeline.name)["actionExecutionDetails"]
    other = caller(cloud, allow("codepipeline:*", on=f"{arn}-other"))("codepipeline")
    calls: tuple[Callable[[], object], ...] = (
        lambda: other.get_pipeline(name=pipeline.name),
        lambda: other.get_pipeline_state(name=pipeline.name),
        lambda: other.start_pipeline_execution(name=pipeline.name),
        lambda: other.list_pipeline_executions(pipelineName=pipeline.name),
    )
    for call in calls:
        with pytest.raises(ClientError, match="AccessDenied"):
            call()
    with pytest.raises(ClientError, match="iam:PassRole"):
        mine.update_pipeline(pipeline=pipeline.declaration)
    passing = caller(cloud, allow("codepipeline:*", on=arn), allow("iam:PassRole", on=pipeline.role))("codepipeline")
    assert passing.update_pipeline(pipeline=pipeline.declaration)["pipeline"]["version"] == 2
