"""A build that runs during the deployment."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import CfnElement, CustomResource, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import custom_resources as custom
from constructs import Construct

from pythonbase.images.project import ImageProject
from pythonbase.permissions.acknowledge import acknowledge
from pythonbase.permissions.trust import for_own_account

_HANDLER = Path(__file__).parent / "handlers" / "image_build"
_RUNTIME = lambda_.Runtime.PYTHON_3_14
_LONGEST = Duration.minutes(50)
_SLACK = Duration.minutes(4)
"""Twice within CloudFormation's hour:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-custom-resources.html"""


class ImageBuild(Construct):
    """Runs a project once when it is created and whenever ``trigger`` changes; the deployment waits for the result.

    A failed build fails the deployment with the build's reason and the name of its log. A build that CodeBuild does not
    start because the account runs as many as it may is tried again until the timeout; in an account that may run none,
    the deployment fails at once. Both say how to get more.

    Args:
        scope: Parent of the build.
        construct_id: Id in the parent.
        project: What to run.
        trigger: Fingerprint of what goes into the build.
        timeout: How long a deployment waits. At most 50 minutes, which is the default: CloudFormation waits for an
            hour, and by then the deployment must have said which phase the build is in.

    Raises:
        ValueError: if the timeout is longer.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        project: ImageProject,
        trigger: str,
        timeout: Duration | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        timeout = timeout or _LONGEST
        if timeout.to_seconds() > _LONGEST.to_seconds():
            raise ValueError(
                f"timeout must be at most {_LONGEST.to_minutes():.0f} minutes, got {timeout.to_minutes():.0f}"
            )
        self._log_group = logs.LogGroup(
            self, "Logs", retention=logs.RetentionDays.THREE_MONTHS, removal_policy=RemovalPolicy.DESTROY
        )
        start = self._function("Start", "on_event", project, ["codebuild:StartBuild"])
        poll = self._function(
            "Poll",
            "is_complete",
            project,
            # It starts the build that was refused at first because of the account's quota.
            ["codebuild:BatchGetBuilds", "codebuild:ListBuildsForProject", "codebuild:StartBuild"],
        )
        poll.add_to_role_policy(
            # The log streams of one group; the suffix is their ARN format.
            iam.PolicyStatement(actions=["logs:GetLogEvents"], resources=[project.log_group.log_group_arn])
        )
        provider = custom.Provider(
            self,
            "Provider",
            on_event_handler=start,
            is_complete_handler=poll,
            query_interval=Duration.seconds(5),
            # The handler tells the reason when the timeout is over; the framework's own limit only says that it is.
            total_timeout=timeout.plus(_SLACK),
            log_group=self._log_group,
            disable_waiter_state_machine_logging=True,
        )
        for_own_account(provider.node.find_child("waiter-state-machine").node.find_child("Role"))
        self.resource = CustomResource(
            self,
            "Default",
            resource_type="Custom::ImageBuild",
            service_token=provider.service_token,
            properties={
                "ProjectName": project.project.project_name,
                "Trigger": trigger,
                "TimeoutSeconds": timeout.to_seconds(),
            },
            service_timeout=timeout.plus(_SLACK).plus(_SLACK),
        )
        # The first build needs the project's permissions, which are resources of their own.
        self.resource.node.add_dependency(project)
        _acknowledge_provider(provider, (start, poll))

    def _function(self, construct_id: str, handler: str, project: ImageProject, actions: list[str]) -> lambda_.Function:
        role = iam.Role(self, f"{construct_id}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        self._log_group.grant_write(role)
        function = lambda_.Function(
            self,
            construct_id,
            runtime=_RUNTIME,
            code=lambda_.Code.from_asset(str(_HANDLER), exclude=["__pycache__", "*.pyc"]),
            handler=f"index.{handler}",
            role=role,
            timeout=Duration.minutes(1),
            log_group=self._log_group,
            description=f"{handler} of a build that a deployment waits for",
        )
        function.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=[project.project.project_arn]))
        return function


def _acknowledge_provider(provider: custom.Provider, functions: tuple[lambda_.Function, ...]) -> None:
    """The provider framework of the CDK library is not ours to narrow; what it may do is listed here."""
    # The waiter calls these two; CloudFormation calls the third.
    framework = [provider.node.find_child(f"framework-{name}") for name in ("isComplete", "onTimeout")]
    reasons = {
        "AwsSolutions-SF1": "the waiter polls one build; Step Functions keeps its executions for 90 days",
        "AwsSolutions-SF2": "the waiter polls one build; there is nothing to trace",
        "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]": (
            "the CDK library gives its provider framework this policy: it allows writing logs only"
        ),
    }
    for function in (*functions, *framework):
        resource = function.node.default_child
        assert isinstance(resource, CfnElement)  # noqa: S101 - a Lambda function has a resource
        logical_id = Stack.of(provider).get_logical_id(resource)
        reasons[f"AwsSolutions-IAM5[Resource::<{logical_id}.Arn>:*]"] = (
            "the CDK library lets its provider framework call any version of this one function"
        )
    acknowledge(provider, reasons)
