"""Results of builds and releases, written back to Bitbucket."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from pythonbase.lambda_code import RUNTIME, handler_code
from pythonbase.monitoring.pipeline_permissions import only_pipelines_of, pipelines_of
from pythonbase.permissions.acknowledge import acknowledge, wildcard_resource
from pythonbase.permissions.statements import read_secret

BITBUCKET_API = "https://api.bitbucket.org/2.0"
"""Where Bitbucket Cloud is."""

_HANDLER = Path(__file__).parent / "handlers" / "build_status"
_ENDED = ["SUCCEEDED", "FAILED", "STOPPED", "SUPERSEDED", "CANCELED"]
"""https://docs.aws.amazon.com/codepipeline/latest/userguide/detect-state-changes-cloudwatch-events.html"""


class BuildStatuses(Construct):
    """Reports every execution of the pipelines of a connection as a build status of its commit: INPROGRESS, then
    SUCCESSFUL, FAILED or STOPPED, with a link to the log or the execution.

    One function for all of them in the account and Region. They are those with the connection's tag, which
    ``AppPipeline`` and ``PullRequestBuilds`` give theirs; others it may not read. Nobody waits for it: no release fails
    or slows down because of it. While Bitbucket is down it tries again, for a minute by itself and then twice by
    Lambda's retries.

    Args:
        scope: Parent.
        construct_id: Id in the parent.
        connection_arn: The connection whose pipelines are reported.
        credentials: Secret ``{"token": …}`` with an access token of a repository, project or workspace, or
            ``{"email": …, "token": …}`` with an API token. It needs to write repositories.
        api_url: Where Bitbucket's API is. Default: Bitbucket Cloud.

    Example::

        BuildStatuses(self, "Statuses", connection_arn=connection, credentials=secret)
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        connection_arn: str,
        credentials: secretsmanager.ISecret,
        api_url: str = BITBUCKET_API,
    ) -> None:
        super().__init__(scope, construct_id)
        log_group = logs.LogGroup(
            self, "Logs", retention=logs.RetentionDays.THREE_MONTHS, removal_policy=RemovalPolicy.DESTROY
        )
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group.grant_write(role)
        role.add_to_policy(read_secret(credentials))
        self._grant_reading_executions(role, connection_arn)
        self.function = lambda_.Function(
            self,
            "Function",
            runtime=RUNTIME,
            code=handler_code(_HANDLER),
            handler="index.handler",
            role=role,
            # The handler's own waits are 63 seconds together, each of its seven attempts takes at most 10.
            timeout=Duration.minutes(3),
            log_group=log_group,
            description="Writes results of pipelines to Bitbucket as build statuses",
            environment={
                "API_URL": api_url,
                "CONNECTION_ARN": connection_arn,
                "CREDENTIALS": credentials.secret_arn,
            },
        )
        # The commit is known from here on; when the pipeline starts, it is not.
        self._rule(
            "Begun",
            "CodePipeline Action Execution State Change",
            {"state": ["SUCCEEDED"], "type": {"category": ["Source"], "provider": ["CodeStarSourceConnection"]}},
        )
        self._rule("Ended", "CodePipeline Pipeline Execution State Change", {"state": _ENDED})

    def _rule(self, construct_id: str, detail_type: str, detail: dict[str, object]) -> None:
        events.Rule(
            self,
            construct_id,
            event_pattern=events.EventPattern(
                source=["aws.codepipeline"],
                detail_type=[detail_type],
                account=[Stack.of(self).account],
                detail=detail,
            ),
            targets=[targets.LambdaFunction(self.function, retry_attempts=2, max_event_age=Duration.hours(6))],
        )

    def _grant_reading_executions(self, role: iam.Role, connection_arn: str) -> None:
        actions = ["codepipeline:GetPipelineExecution", "codepipeline:ListActionExecutions"]
        pipelines = pipelines_of(self)
        role.add_to_policy(iam.PolicyStatement(actions=actions, resources=[pipelines]))
        role.add_to_policy(only_pipelines_of(connection_arn, self, actions=actions))
        acknowledge(
            role,
            {
                wildcard_resource(role, pipelines): (
                    "one function for every pipeline of the connection: the names of hundreds do not fit into a "
                    "policy; it only reads, and those without the connection's tag are denied"
                )
            },
        )
