"""Narrow policies: each request is checked on the resource that AWS checks it on."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from pythonbase_localcloud.testing.callers import allow, caller, service_role, unique

if TYPE_CHECKING:
    from pythonbase_localcloud.testing.cloud import Cloud

Call = Callable[[Any], Any]


def _is_denied(call: Call, client: Any) -> bool:
    """Whether IAM refused; that the resource does not exist is no refusal."""
    try:
        call(client)
    except ClientError as error:
        return error.response["Error"]["Code"] in {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
    return False


_CASES: list[tuple[str, str, str, Call]] = [
    ("ssm:GetParameter", "ssm", "parameter/a/b", lambda c: c.get_parameter(Name="/a/b")),
    ("ssm:GetParameter", "ssm", "parameter/plain", lambda c: c.get_parameter(Name="plain:3")),
    ("ssm:GetParameters", "ssm", "parameter/a/*", lambda c: c.get_parameters(Names=["/a/b", "/a/c"])),
    ("ssm:GetParametersByPath", "ssm", "parameter/a", lambda c: c.get_parameters_by_path(Path="/a/")),
    (
        "ssm:PutParameter",
        "ssm",
        "parameter/tests/x",
        lambda c: c.put_parameter(Name="/tests/x", Value="1", Type="String", Overwrite=True),
    ),
    (
        "logs:CreateLogStream",
        "logs",
        "log-group:/g:*",
        lambda c: c.create_log_stream(logGroupName="/g", logStreamName="s"),
    ),
    (
        "logs:PutLogEvents",
        "logs",
        "log-group:/g:log-stream:s",
        lambda c: c.put_log_events(logGroupName="/g", logStreamName="s", logEvents=[{"timestamp": 1, "message": "m"}]),
    ),
    ("logs:GetLogEvents", "logs", "log-group:/g:*", lambda c: c.get_log_events(logGroupName="/g", logStreamName="s")),
    ("logs:FilterLogEvents", "logs", "log-group:/g:*", lambda c: c.filter_log_events(logGroupName="/g")),
    ("ecr:DescribeRepositories", "ecr", "repository/a/b", lambda c: c.describe_repositories(repositoryNames=["a/b"])),
    ("ecr:DescribeImages", "ecr", "repository/a/b", lambda c: c.describe_images(repositoryName="a/b")),
    ("ecs:DescribeServices", "ecs", "service/c/s", lambda c: c.describe_services(cluster="c", services=["s"])),
    ("ecs:UpdateService", "ecs", "service/c/s", lambda c: c.update_service(cluster="c", service="s")),
    ("ecs:DescribeTasks", "ecs", "task/c/*", lambda c: c.describe_tasks(cluster="c", tasks=["t"])),
    ("ecs:RunTask", "ecs", "task-definition/f:*", lambda c: c.run_task(cluster="c", taskDefinition="f:1")),
    ("ecs:DescribeClusters", "ecs", "cluster/c", lambda c: c.describe_clusters(clusters=["c"])),
    (
        "ecs:RegisterTaskDefinition",
        "ecs",
        "task-definition/f:*",
        lambda c: c.register_task_definition(
            family="f", containerDefinitions=[{"name": "n", "image": "i", "memory": 4}]
        ),
    ),
    ("states:StartExecution", "states", "stateMachine:m", lambda c: c.start_execution(stateMachineArn=_machine("m"))),
    (
        "states:DescribeStateMachine",
        "states",
        "stateMachine:m",
        lambda c: c.describe_state_machine(stateMachineArn=_machine("m")),
    ),
    ("scheduler:GetSchedule", "scheduler", "schedule/default/s", lambda c: c.get_schedule(Name="s")),
    ("codebuild:BatchGetProjects", "codebuild", "project/p", lambda c: c.batch_get_projects(names=["p"])),
    ("codebuild:ListBuildsForProject", "codebuild", "project/p", lambda c: c.list_builds_for_project(projectName="p")),
    ("codebuild:StopBuild", "codebuild", "project/p", lambda c: c.stop_build(id="p:12345678")),
    ("codepipeline:StartPipelineExecution", "codepipeline", "p", lambda c: c.start_pipeline_execution(name="p")),
    (
        "codepipeline:PutApprovalResult",
        "codepipeline",
        "p/s/a",
        lambda c: c.put_approval_result(
            pipelineName="p",
            stageName="s",
            actionName="a",
            token="t",  # noqa: S106 - the token of an approval that does not exist
            result={"summary": "", "status": "Approved"},
        ),
    ),
    (
        "codepipeline:RetryStageExecution",
        "codepipeline",
        "p/s",
        lambda c: c.retry_stage_execution(
            pipelineName="p", stageName="s", pipelineExecutionId="e", retryMode="FAILED_ACTIONS"
        ),
    ),
    (
        "codeconnections:GetConnection",
        "codeconnections",
        "connection/x",
        lambda c: c.get_connection(ConnectionArn="arn:aws:codeconnections:eu-west-1:000000000000:connection/x"),
    ),
]


def _machine(name: str) -> str:
    return f"arn:aws:states:eu-west-1:000000000000:stateMachine:{name}"


@pytest.mark.parametrize(
    ("action", "service", "resource", "call"), _CASES, ids=[f"{case[0]}-{case[2]}" for case in _CASES]
)
def test_a_narrow_policy_allows_its_resource_only(
    cloud: Cloud, action: str, service: str, resource: str, call: Call
) -> None:
    boto_name = {"states": "stepfunctions"}.get(service, service)
    prefix = f"arn:aws:{service}:{cloud.region}:{cloud.account}:"
    assert not _is_denied(call, caller(cloud, allow(action, on=prefix + resource))(boto_name))
    assert _is_denied(call, caller(cloud, allow(action, on=f"{prefix}another-resource"))(boto_name))
    assert _is_denied(call, caller(cloud, allow(f"{service}:Nothing"))(boto_name))


@pytest.mark.parametrize(
    ("action", "call"),
    [
        ("ecs:DescribeTaskDefinition", lambda c: c("ecs").describe_task_definition(taskDefinition="f:1")),
        ("ecs:ListServices", lambda c: c("ecs").list_services(cluster="c")),
        ("codepipeline:ListPipelines", lambda c: c("codepipeline").list_pipelines()),
        (
            "elasticloadbalancing:DescribeTargetHealth",
            lambda c: c("elbv2").describe_target_health(
                TargetGroupArn="arn:aws:elasticloadbalancing:eu-west-1:000000000000:targetgroup/t/1"
            ),
        ),
    ],
)
def test_an_action_without_resources_needs_a_policy_on_everything(cloud: Cloud, action: str, call: Call) -> None:
    assert not _is_denied(call, caller(cloud, allow(action)))
    service = action.split(":", maxsplit=1)[0]
    assert _is_denied(call, caller(cloud, allow(action, on=f"arn:aws:{service}:*:*:*/*")))


def test_a_request_for_several_resources_needs_all_of_them(cloud: Cloud) -> None:
    ssm = caller(cloud, allow("ssm:GetParameters", on=f"arn:aws:ssm:{cloud.region}:{cloud.account}:parameter/a"))("ssm")
    assert not _is_denied(lambda c: c.get_parameters(Names=["a"]), ssm)
    assert _is_denied(lambda c: c.get_parameters(Names=["a", "b"]), ssm)


def test_passing_a_role_to_ecs_is_checked_with_the_service_it_is_passed_to(cloud: Cloud) -> None:
    role = service_role(cloud, "ecs-tasks.amazonaws.com")

    def register(client: Any) -> Any:
        return client.register_task_definition(
            family=unique("f"), executionRoleArn=role, containerDefinitions=[{"name": "n", "image": "i", "memory": 4}]
        )

    def to(service: str) -> dict[str, Any]:
        return allow("iam:PassRole", on=role, Condition={"StringEquals": {"iam:PassedToService": service}})

    permission = allow("ecs:RegisterTaskDefinition")
    assert not _is_denied(register, caller(cloud, permission, to("ecs-tasks.amazonaws.com"))("ecs"))
    for statements in ([permission], [permission, to("lambda.amazonaws.com")]):
        with pytest.raises(ClientError, match="iam:PassRole"):
            register(caller(cloud, *statements)("ecs"))


def test_metrics_are_written_to_the_permitted_namespace_only(cloud: Cloud) -> None:
    condition = {"StringEquals": {"cloudwatch:namespace": "mine"}}
    cloudwatch = caller(cloud, allow("cloudwatch:PutMetricData", Condition=condition))("cloudwatch")
    cloudwatch.put_metric_data(Namespace="mine", MetricData=[{"MetricName": "m", "Value": 1}])
    with pytest.raises(ClientError, match="cloudwatch:PutMetricData"):
        cloudwatch.put_metric_data(Namespace="other", MetricData=[{"MetricName": "m", "Value": 1}])


def test_logging_in_to_ecr_public_takes_two_permissions(cloud: Cloud) -> None:
    both = [allow("ecr-public:GetAuthorizationToken"), allow("sts:GetServiceBearerToken")]
    assert caller(cloud, *both)("ecr-public").get_authorization_token()["authorizationData"]["authorizationToken"]
    for permission in both:
        with pytest.raises(ClientError, match="AccessDenied"):
            caller(cloud, permission)("ecr-public").get_authorization_token()


def test_a_role_of_another_account_can_trust_one_role_behind_a_session(cloud: Cloud) -> None:
    other, name = "222233334444", unique("trusting")
    arn = f"arn:aws:iam::{other}:role/{name}"
    trusted, stranger = (caller(cloud, allow("sts:AssumeRole", on=arn))("sts") for _ in range(2))
    role = trusted.get_caller_identity()["Arn"].split(":assumed-role/")[1].split("/")[0]
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": f"arn:aws:iam::{cloud.account}:root"},
        "Condition": {"ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{cloud.account}:role/{role}"}},
    }
    cloud.client("iam", account=other).create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    assumed = trusted.assume_role(RoleArn=arn, RoleSessionName="session")["AssumedRoleUser"]["Arn"]
    assert assumed == f"arn:aws:sts::{other}:assumed-role/{name}/session"
    with pytest.raises(ClientError, match="AccessDenied"):
        stranger.assume_role(RoleArn=arn, RoleSessionName="session")


def test_an_explicit_deny_wins(cloud: Cloud) -> None:
    deny = {"Effect": "Deny", "Action": "ssm:GetParameter", "Resource": "*"}
    assert _is_denied(lambda c: c.get_parameter(Name="/a"), caller(cloud, allow("ssm:*"), deny)("ssm"))


def test_an_unknown_key_and_a_wrong_secret_are_refused(cloud: Cloud) -> None:
    unknown = caller(cloud, allow("sts:*"))("sts")
    unknown._request_signer._credentials.access_key = "AKIAIOSFODNN7EXAMPLE"
    with pytest.raises(ClientError, match=r"InvalidClientTokenId|UnrecognizedClient"):
        unknown.get_caller_identity()
    wrong = caller(cloud, allow("sts:*"))("sts")
    assert wrong.get_caller_identity()["Account"] == cloud.account
    wrong._request_signer._credentials.secret_key = "wrong"  # noqa: S105 - not the secret of anything
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        wrong.get_caller_identity()


def test_our_services_answer_unknown_operations_with_an_error(cloud: Cloud) -> None:
    with pytest.raises(ClientError, match="does not know codepipeline:ListWebhooks"):
        cloud.client("codepipeline").list_webhooks()
    assert json.dumps(cloud.client("codepipeline").list_pipelines()["pipelines"], default=str)
