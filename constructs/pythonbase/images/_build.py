"""A build that runs during the deployment."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import CustomResource, Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import custom_resources as custom
from constructs import Construct

from pythonbase.images.project import ImageProject
from pythonbase.lambda_code import RUNTIME, handler_code
from pythonbase.permissions.acknowledge import acknowledge
from pythonbase.permissions.provider_framework import acknowledge_provider
from pythonbase.permissions.trust import for_own_account

_HANDLER = Path(__file__).parent / "handlers" / "image_build"
_LONGEST = Duration.minutes(50)
_SLACK = Duration.minutes(4)
"""Added twice, to stay below CloudFormation's limit of one hour:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-custom-resources.html"""


class ImageBuild(Construct):
    """Runs a project once when it is created and whenever ``trigger`` changes; the deployment waits for the result.

    A failed build fails the deployment with the build's reason and the name of its log. If CodeBuild does not start the
    build because the account's quota of concurrent builds is used up, it is retried until the timeout; if the quota is
    0, the deployment fails at once. Both errors say how to raise the quota.

    Args:
        scope: Parent of the build.
        construct_id: Id in the parent.
        project: What to run.
        trigger: Fingerprint of the build's inputs.
        timeout: How long a deployment waits. At most 50 minutes, which is the default: CloudFormation waits for an
            hour, and the deployment must report the phase of the build before that.

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
            # It retries the start if the account's quota refused the build at first.
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
            # At the timeout, the handler reports the reason; the framework's own limit would report only the timeout.
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
        # The first build needs the project's permissions, which are separate resources.
        self.resource.node.add_dependency(project)
        # The waiter calls these two; CloudFormation calls the third.
        framework = [provider.node.find_child(f"framework-{name}") for name in ("isComplete", "onTimeout")]
        acknowledge_provider(provider, [start, poll, *framework])
        acknowledge(
            provider,
            {
                "AwsSolutions-SF1": "the waiter polls one build; Step Functions keeps its executions for 90 days",
                "AwsSolutions-SF2": "the waiter polls one build; there is nothing to trace",
            },
        )

    def _function(self, construct_id: str, handler: str, project: ImageProject, actions: list[str]) -> lambda_.Function:
        role = iam.Role(self, f"{construct_id}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        self._log_group.grant_write(role)
        function = lambda_.Function(
            self,
            construct_id,
            runtime=RUNTIME,
            code=handler_code(_HANDLER),
            handler=f"index.{handler}",
            role=role,
            timeout=Duration.minutes(1),
            log_group=self._log_group,
            description=f"{handler} of a build that a deployment waits for",
        )
        function.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=[project.project.project_arn]))
        return function
