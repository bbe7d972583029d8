"""How a new version of a service replaces the old one, and what rolls it back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from constructs import Construct

TRAFFIC_CONFLICT = "https://github.com/aws/aws-cdk/issues/36649"
"""Why there is no traffic shift here: ECS changes the weights of a listener rule that CloudFormation manages too. A
stack update or rollback that changes the rule restores the template's weights, on a target group that may be empty. ECS
does not check the weights before it shifts: https://github.com/aws/containers-roadmap/issues/2853"""

CIRCUIT_BREAKER = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentCircuitBreaker.html"
"""Documents that ECS has the circuit breaker for rolling deployments only."""

_LONGEST_BAKE = Duration.hours(24)
_MOST_PERCENT = 99  # the alarm's value must be able to exceed it


class DeploymentStrategy(StrEnum):
    """The strategies of ECS that need no listener rule that ECS and CloudFormation both manage."""

    ROLLING = "rolling"
    """New tasks start beside the old ones and replace them one by one."""
    BLUE_GREEN = "blue-green"
    """All new tasks start beside the old ones, which stop after a bake time. For services without a load balancer."""


@dataclass(frozen=True)
class Deployment:
    """How a service is deployed. A rolling deployment has the circuit breaker with rollback.

    Args:
        strategy: Rolling or blue/green. Default: rolling.
        bake_time: How long the old tasks keep running after a blue/green deployment, at most a day; until then, a
            rollback is immediate. Default: that of ECS, which is none.
        alarms: Names of CloudWatch alarms in the same account and Region. If one is in ALARM during a deployment, the
            deployment is rolled back. Default: none.
        server_errors: Percentage of responses with status 5xx, 1 to 99. A deployment that has more in each of three
            minutes is rolled back. Creates an alarm. Default: none, because the right percentage depends on the
            service. Unhealthy targets need no alarm: the circuit breaker detects them.

    Raises:
        ValueError: if a value is out of range, or the bake time is given with a rolling deployment.
    """

    strategy: DeploymentStrategy = DeploymentStrategy.ROLLING
    bake_time: Duration | None = None
    alarms: tuple[str, ...] = ()
    server_errors: int | None = None

    def __post_init__(self) -> None:
        if self.bake_time is not None:
            if self.strategy is not DeploymentStrategy.BLUE_GREEN:
                raise ValueError(f"bake_time goes with blue-green, got it with {self.strategy}")
            if self.bake_time.to_seconds() > _LONGEST_BAKE.to_seconds():
                raise ValueError(f"bake_time must be at most 24 hours, got {self.bake_time.to_human_string()}")
        if self.server_errors is not None and not 1 <= self.server_errors <= _MOST_PERCENT:
            raise ValueError(f"server_errors must be from 1 to {_MOST_PERCENT}, got {self.server_errors}")

    def check(self, *, load_balanced: bool) -> None:
        """Refuse what cannot be combined with a load balancer, or needs one.

        Raises:
            ValueError: with the reason.
        """
        if load_balanced and self.strategy is DeploymentStrategy.BLUE_GREEN:
            raise ValueError(f"blue-green with a load balancer can send traffic to no tasks, see {TRAFFIC_CONFLICT}")
        if not load_balanced and self.server_errors is not None:
            raise ValueError("server_errors needs a load balancer, which counts the answers")

    @property
    def ecs_strategy(self) -> ecs.DeploymentStrategy | None:
        """The argument of the ECS service. None is rolling: the template leaves out ECS's default."""
        return ecs.DeploymentStrategy.BLUE_GREEN if self.strategy is DeploymentStrategy.BLUE_GREEN else None

    @property
    def circuit_breaker(self) -> ecs.DeploymentCircuitBreaker | None:
        """The argument of the ECS service. None for blue/green (``CIRCUIT_BREAKER``): alarms roll it back, or the
        release at its timeout.
        """
        rolling = self.strategy is DeploymentStrategy.ROLLING
        return ecs.DeploymentCircuitBreaker(rollback=True) if rolling else None

    def watch(
        self,
        scope: Construct,
        service: ecs.FargateService,
        *,
        load_balancer: elbv2.ApplicationLoadBalancer | None,
        target_group: elbv2.ApplicationTargetGroup | None,
    ) -> None:
        """Let the alarms roll back deployments of the service.

        ECS: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-alarm-failure.html
        """
        names = list(self.alarms)
        if self.server_errors is not None and load_balancer and target_group:
            names.append(_server_errors(scope, load_balancer, target_group, self.server_errors).alarm_name)
        if names:
            service.enable_deployment_alarms(names, behavior=ecs.AlarmBehavior.ROLLBACK_ON_ALARM)


def _server_errors(
    scope: Construct,
    load_balancer: elbv2.ApplicationLoadBalancer,
    target_group: elbv2.ApplicationTargetGroup,
    percent: int,
) -> cloudwatch.Alarm:
    def count(name: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/ApplicationELB",
            metric_name=name,
            dimensions_map={
                "LoadBalancer": load_balancer.load_balancer_full_name,
                "TargetGroup": target_group.target_group_full_name,
            },
            statistic="Sum",
            period=Duration.minutes(1),
        )

    return cloudwatch.Alarm(
        scope,
        "ServerErrors",
        alarm_description=f"More than {percent} % of the answers are server errors; deployments are rolled back",
        metric=cloudwatch.MathExpression(
            expression="100 * errors / requests",
            using_metrics={"errors": count("HTTPCode_Target_5XX_Count"), "requests": count("RequestCount")},
            period=Duration.minutes(1),
            label="Server errors in percent",
        ),
        threshold=percent,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
        evaluation_periods=3,
        # No requests, or none that failed.
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    )
