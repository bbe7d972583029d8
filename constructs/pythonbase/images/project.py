"""The CodeBuild project that builds container images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from pythonbase.images._build_script import VARIABLE, build_script
from pythonbase.images._text_build_spec import TextBuildSpec
from pythonbase.permissions.acknowledge import acknowledge
from pythonbase.permissions.trust import for_own_account
from pythonbase_buildspecs import Buildspec

# Docker 28 and buildx 0.32, whose BuildKit supports source policies:
# https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-available.html
_BUILD_IMAGE = codebuild.LinuxBuildImage.STANDARD_7_0


class ImageProject(Construct):
    """A CodeBuild project that can run a Docker engine, with its own log group.

    Its role may write logs and read the build's script, nothing else.

    Grant what the build needs to ``role``: the project itself ignores grants, because the CDK library would grant too
    much (all reports, a log group that is not used, whole buckets).

    Args:
        scope: Parent of the project.
        construct_id: Id in the parent.
        buildspec: What the build does.
        environment: Plain environment variables of the build; no secrets.
        description: Shown in the console.
        source: Where the build's files come from. Default: the input artifact of a pipeline.
        timeout: Time after which a build is stopped. Default: an hour.
        compute_type: Size of the build host. Default: ``SMALL``.
        log_retention: How long logs of builds are kept. Default: three months.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        buildspec: Buildspec,
        environment: Mapping[str, str],
        description: str,
        source: codebuild.ISource | None = None,
        timeout: Duration | None = None,
        compute_type: codebuild.ComputeType = codebuild.ComputeType.SMALL,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
    ) -> None:
        super().__init__(scope, construct_id)
        self.log_group = logs.LogGroup(self, "Logs", retention=log_retention, removal_policy=RemovalPolicy.RETAIN)
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("codebuild.amazonaws.com"),
            description=f"Build: {description}",
        )
        for_own_account(self.role)
        self.role.add_to_policy(
            iam.PolicyStatement(
                actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[self.log_group.log_group_arn]
            )
        )
        variables = {**environment, VARIABLE: build_script(self, buildspec, self.role)}
        # One set of arguments for two classes, which have no common type for them.
        settings: dict[str, Any] = {
            "build_spec": TextBuildSpec(buildspec),
            "description": description,
            "environment": codebuild.BuildEnvironment(
                # docker build needs it: https://docs.aws.amazon.com/codebuild/latest/userguide/sample-docker.html
                privileged=True,
                build_image=_BUILD_IMAGE,
                compute_type=compute_type,
            ),
            "environment_variables": {
                name: codebuild.BuildEnvironmentVariable(value=value) for name, value in variables.items()
            },
            "logging": codebuild.LoggingOptions(
                cloud_watch=codebuild.CloudWatchLoggingOptions(log_group=self.log_group)
            ),
            "grant_report_group_permissions": False,
            "role": self.role.without_policy_updates(),
            "timeout": timeout or Duration.hours(1),
        }
        self.project: codebuild.Project = (
            codebuild.Project(self, "Project", source=source, **settings)
            if source
            else codebuild.PipelineProject(self, "Project", **settings)
        )
        # A build without permission to log would start and fail.
        self.project.node.add_dependency(self.role)
        acknowledge(
            self.project,
            {
                "AwsSolutions-CB4": "the artifact only names an image; its bucket encrypts it with S3 managed keys",
            },
        )

    def allow_reports(self, name: str) -> None:
        """Allow the build to create the report group that its buildspec calls ``name``, and to write reports to it.

        https://docs.aws.amazon.com/codebuild/latest/userguide/test-permissions.html
        """
        group = Stack.of(self).format_arn(
            service="codebuild", resource="report-group", resource_name=f"{self.project.project_name}-{name}"
        )
        actions = ["BatchPutTestCases", "CreateReport", "CreateReportGroup", "UpdateReport"]
        # A separate policy: it refers to the project, which depends on the role's default policy.
        iam.Policy(
            self,
            "Reports",
            roles=[self.role],
            statements=[iam.PolicyStatement(actions=[f"codebuild:{action}" for action in actions], resources=[group])],
        )
