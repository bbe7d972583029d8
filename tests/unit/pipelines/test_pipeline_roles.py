"""What a pipeline, each of its actions and its build may do, and what they may not."""

from __future__ import annotations

import json

import pytest
from aws_cdk.assertions import Template

from tests.unit.synthesis import (
    ACCOUNT,
    CONNECTION,
    PUBLIC_TOKEN,
    REGION,
    Allowed,
    allowed,
    may,
    only,
    resources,
    script_arn,
    text,
    trusted_by,
)

OBJECTS, BUCKET = {"${PipelineArtifacts.Arn}/*"}, {"${PipelineArtifacts.Arn}"}
OWN_ITEMS = {
    "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["orders", "orders#failures"]},
    "Null": {"dynamodb:LeadingKeys": "false"},
}
LOCKS = {f"${{Network:FnGetAttNetworkReleaseLocks41683E46Arn}} if {json.dumps(OWN_ITEMS)}"}
CLUSTER = {"Fn::Select": [1, {"Fn::Split": ["/", {"Ref": "Service9571FDD8"}]}]}
TASKS = {"Fn::Join": ["", [f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/", CLUSTER, "/*"]]}
CLUSTER_ARN = {"Fn::Join": ["", [f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/", CLUSTER]]}
IN_CLUSTER = f" if {json.dumps({'ArnEquals': {'ecs:cluster': CLUSTER_ARN}})}"
SERVICE = {"${Service}"}
FAMILY = {f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{name}" for name in ("orders", "orders:*")}
READ = {"s3:GetObject": OBJECTS, "s3:GetObjectVersion": OBJECTS}
READ_WRITE = READ | {"s3:PutObject": OBJECTS}
ASK_BUCKET = {"s3:GetBucketAcl": BUCKET, "s3:GetBucketLocation": BUCKET, "s3:GetBucketVersioning": BUCKET}
ACTION_ROLES = ("PipelineRolesSource", "PipelineRolesBuild", "PipelineRolesDeploy")
BASE = {f"arn:${{AWS::Partition}}:ecr:{REGION}:{ACCOUNT}:repository/pythonbase"}
OWN = {f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/orders"}
PIPELINE = {f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:orders"}
RELEASE = {f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:orders-release"}
PARAMETERS = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/pythonbase/services/orders"
FOR_TASKS = ' if {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}'
AT_REGISTRATION = ' if {"StringEquals": {"ecs:CreateAction": "RegisterTaskDefinition"}}'

EXPECTED: dict[str, Allowed] = {
    "PipelineRolesPipeline": {
        "sts:AssumeRole": {f"${{{role}.Arn}}" for role in ACTION_ROLES},
        **ASK_BUCKET,
        **READ_WRITE,
    },
    "PipelineRolesSource": {
        "codeconnections:UseConnection": {CONNECTION},
        "codestar-connections:UseConnection": {CONNECTION},
        **ASK_BUCKET,
        **READ_WRITE,
        # CodePipeline's Bitbucket source sets the ACL and tags of what it writes.
        "s3:PutObjectAcl": OBJECTS,
        "s3:PutObjectTagging": OBJECTS,
        "s3:GetObjectTagging": OBJECTS,
        "s3:GetObjectVersionTagging": OBJECTS,
    },
    "PipelineRolesBuild": {
        "codebuild:BatchGetBuilds": {"${PipelineBuildProject.Arn}"},
        "codebuild:StartBuild": {"${PipelineBuildProject.Arn}"},
        "codebuild:StopBuild": {"${PipelineBuildProject.Arn}"},
        **READ_WRITE,
    },
    "PipelineRolesDeploy": {
        "states:DescribeExecution": {f"arn:aws:states:{REGION}:{ACCOUNT}:execution:orders-release:*"},
        "states:DescribeStateMachine": RELEASE,
        "states:StartExecution": RELEASE,
    },
    # The release itself: the state machine's role.
    "ServiceReleaseRole": {
        "codepipeline:GetPipelineExecution": PIPELINE,
        "codepipeline:GetPipelineState": PIPELINE,
        "dynamodb:DeleteItem": LOCKS,
        "dynamodb:GetItem": LOCKS,
        "dynamodb:PutItem": LOCKS,
        "dynamodb:UpdateItem": LOCKS,
        "ecr:BatchGetImage": OWN,
        "ecr:PutImage": OWN,
        "ecs:DescribeServices": SERVICE,
        "ecs:DescribeTaskDefinition": {"*"},
        "ecs:DescribeTasks": {f"{text(TASKS)}{IN_CLUSTER}"},
        "ecs:ListTasks": {f"*{IN_CLUSTER}"},
        "ecs:RegisterTaskDefinition": FAMILY,
        "ecs:TagResource": {
            f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/orders{AT_REGISTRATION}",
            f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/orders:*{AT_REGISTRATION}",
        },
        "ecs:UpdateService": SERVICE,
        "iam:PassRole": {
            f"${{ServiceTaskDefinitionTaskRole.Arn}}{FOR_TASKS}",
            f"${{ServiceExecutionRole.Arn}}{FOR_TASKS}",
        },
        "ssm:GetParameter": {f"{PARAMETERS}/image"},
        "ssm:PutParameter": {f"{PARAMETERS}/{name}" for name in ("image", "base-image", "release")},
        "states:DescribeExecution": {f"arn:aws:states:{REGION}:{ACCOUNT}:execution:orders-release:*"},
        "states:StopExecution": {f"arn:aws:states:{REGION}:{ACCOUNT}:execution:orders-release:*"},
    },
    # The custom resource between the task definition and the service.
    "ServiceNewestRevisionRole": {
        "ecs:DescribeTaskDefinition": {"*"},
        "ecs:RegisterTaskDefinition": FAMILY,
        "ecs:TagResource": {
            f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/orders{AT_REGISTRATION}",
            f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/orders:*{AT_REGISTRATION}",
        },
        "iam:PassRole": {
            f"${{ServiceTaskDefinitionTaskRole.Arn}}{FOR_TASKS}",
            f"${{ServiceExecutionRole.Arn}}{FOR_TASKS}",
        },
        "logs:CreateLogStream": {"${ServiceNewestRevisionLogs.Arn}"},
        "logs:PutLogEvents": {"${ServiceNewestRevisionLogs.Arn}"},
        "ssm:GetParameter": {f"{PARAMETERS}/image"},
    },
    # The build itself: CodeBuild's role.
    "PipelineBuildRole": {
        "ecr:BatchCheckLayerAvailability": BASE | OWN,
        "ecr:BatchGetImage": BASE | OWN,
        "ecr:CompleteLayerUpload": OWN,
        "ecr:GetAuthorizationToken": {"*"},
        "ecr-public:GetAuthorizationToken": {"*"},
        "sts:GetServiceBearerToken": {PUBLIC_TOKEN},
        "ecr:GetDownloadUrlForLayer": BASE | OWN,
        "ecr:InitiateLayerUpload": OWN,
        "ecr:PutImage": OWN,
        "ecr:UploadLayerPart": OWN,
        "codepipeline:ListActionExecutions": PIPELINE,
        "logs:CreateLogStream": {"${PipelineBuildLogs.Arn}"},
        "logs:PutLogEvents": {"${PipelineBuildLogs.Arn}"},
        "s3:GetBucketAcl": BUCKET,
        "s3:GetBucketLocation": BUCKET,
        **READ_WRITE,
    },
}


@pytest.fixture(scope="module")
def template(platform: dict[str, Template]) -> Template:
    return platform["Orders"]


@pytest.mark.parametrize("role", EXPECTED)
def test_the_role_may_do_its_part_and_nothing_else(template: Template, role: str) -> None:
    expected = dict(EXPECTED[role])
    if role == "PipelineBuildRole":
        expected["s3:GetObject"] = OBJECTS | {script_arn(only(template, "AWS::CodeBuild::Project"))}
    assert allowed(template, role) == expected


def test_every_role_of_the_stack_is_checked(template: Template) -> None:
    others = {
        "ServiceExecutionRole",
        "ServiceTaskDefinitionTaskRole",
        # The CDK library's own: it may call the one function and write its log.
        "ServiceNewestRevisionProviderframeworkonEventServiceRole",
    }
    assert resources(template, "AWS::IAM::Role").keys() == EXPECTED.keys() | others


def test_only_the_pipeline_may_take_the_roles_of_its_actions(template: Template) -> None:
    for role in ACTION_ROLES:
        assert trusted_by(template, role) == ["${PipelineRolesPipeline.Arn}"]
    assert trusted_by(template, "PipelineRolesPipeline") == ["codepipeline.amazonaws.com"]
    assert trusted_by(template, "PipelineBuildRole") == ["codebuild.amazonaws.com"]


@pytest.mark.parametrize(
    "action",
    ["ssm:PutParameter", "ecs:UpdateService", "ecs:RegisterTaskDefinition", "iam:PassRole", "sts:AssumeRole",
     "states:StartExecution", "codepipeline:StartPipelineExecution", "ecr:BatchDeleteImage", "s3:DeleteObject",
     "secretsmanager:GetSecretValue", "codebuild:StartBuild"],
)  # fmt: skip
def test_code_of_a_service_that_runs_in_the_build_may_not(template: Template, action: str) -> None:
    assert not may(allowed(template, "PipelineBuildRole"), action)


def test_the_build_may_not_push_to_the_base_image(template: Template) -> None:
    rights = allowed(template, "PipelineBuildRole")
    writes = {action for action, on in rights.items() if on & BASE}
    assert writes == {"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}


def test_only_the_release_touches_ecs_and_only_this_service(template: Template) -> None:
    assert not may(allowed(template, "ServiceNewestRevisionRole"), "ecs:UpdateService")
    for role in EXPECTED.keys() - {"ServiceReleaseRole", "ServiceNewestRevisionRole"}:
        assert not any(action.startswith("ecs:") for action in allowed(template, role)), role
    deploy = allowed(template, "ServiceReleaseRole")
    assert deploy["ecs:UpdateService"] == SERVICE
    for action in ("ecs:CreateService", "ecs:DeleteService", "ecs:RunTask", "ecs:DeregisterTaskDefinition"):
        assert not may(deploy, action)


def test_only_who_registers_task_definitions_hands_roles_over_and_only_to_tasks(template: Template) -> None:
    with_pass_role = {role for role in EXPECTED if may(allowed(template, role), "iam:PassRole")}
    assert with_pass_role == {"ServiceReleaseRole", "ServiceNewestRevisionRole"}
    for role in with_pass_role:
        assert len(allowed(template, role)["iam:PassRole"]) == 2
        assert all(item.endswith(FOR_TASKS) for item in allowed(template, role)["iam:PassRole"])


def test_no_role_may_delete_artifacts_or_images_and_only_the_release_may_write_parameters(template: Template) -> None:
    for role in EXPECTED:
        assert may(allowed(template, role), "ssm:PutParameter") == (role == "ServiceReleaseRole"), role
        rights = allowed(template, role)
        for action in (
            "s3:DeleteObject",
            "s3:PutBucketPolicy",
            "ecr:BatchDeleteImage",
            "kms:Decrypt",
        ):
            assert not may(rights, action), (role, action)


def test_no_role_has_an_action_with_a_wildcard(template: Template) -> None:
    assert not [action for role in EXPECTED for action in allowed(template, role) if "*" in action]


def test_the_functions_of_these_tests_see_wildcards() -> None:
    assert may({"ecs:*": {"*"}}, "ecs:UpdateService")
    assert may({"S3:Delete*": {"*"}}, "s3:DeleteObject")
    assert not may({"ecs:Describe*": {"*"}}, "ecs:UpdateService")
