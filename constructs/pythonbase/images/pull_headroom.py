"""How many Docker Hub pulls are left for the builds of a base image."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from constructs import Construct

from pythonbase.permissions.acknowledge import acknowledge

NAMESPACE = "pythonbase"
"""Namespace of the project's CloudWatch metrics."""

_METRIC = "DockerHubPullsRemaining"
_FEW = 10


class PullHeadroom(Construct):
    """The metric that each refresh writes, and an alarm when few pulls are left.

    The alarm has no action: to notify a topic, call ``FailureAlarms(…).tell_of(base_image.docker_hub_alarm)``.

    Args:
        scope: Parent.
        construct_id: Id in the parent.
        repository_name: Repository of the base image, the metric's dimension.
        writer: The build's role, which gets the permission to write the metric.
    """

    def __init__(self, scope: Construct, construct_id: str, *, repository_name: str, writer: iam.IRole) -> None:
        super().__init__(scope, construct_id)
        policy = iam.Policy(
            self,
            "Write",
            roles=[writer],
            statements=[
                iam.PolicyStatement(
                    actions=["cloudwatch:PutMetricData"],
                    resources=["*"],
                    conditions={"StringEquals": {"cloudwatch:namespace": NAMESPACE}},
                )
            ],
        )
        acknowledge(
            policy,
            {
                "AwsSolutions-IAM5[Resource::*]": (
                    "cloudwatch:PutMetricData can be limited to a dataset and to no metric; the condition leaves one "
                    "namespace: "
                    "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html"
                )
            },
        )
        self.alarm = cloudwatch.Alarm(
            self,
            "FewPullsLeft",
            alarm_description=f"Docker Hub has fewer than {_FEW} pulls left for builds of {repository_name}",
            metric=cloudwatch.Metric(
                namespace=NAMESPACE,
                metric_name=_METRIC,
                dimensions_map={"Repository": repository_name},
                statistic="Minimum",
                period=Duration.hours(1),
            ),
            threshold=_FEW,
            comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
