"""The stack ``Network``."""

from __future__ import annotations

from aws_cdk import Acknowledgment, Environment, Validations
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_sns as sns
from constructs import Construct

from pythonbase import FailureAlarms, Network
from pythonbase_settings import ExistingVpc, Notifications
from pythonbase_settings import Network as NetworkSettings
from stacks.platform_stack import PlatformStack


class NetworkStack(PlatformStack):
    """VPC and cluster that all services share."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: NetworkSettings,
        notifications: Notifications,
        env: Environment,
    ) -> None:
        super().__init__(scope, construct_id, env=env, description="VPC and ECS cluster that services share")
        self.network = Network(
            self,
            "Network",
            vpc=self._existing(settings.vpc) if settings.vpc else None,
            nat_gateways=settings.nat_gateways,
            max_azs=settings.max_azs,
            availability_zones=settings.availability_zones,
        )
        if notifications.topic:
            topic = sns.Topic.from_topic_arn(self, "Topic", notifications.topic)
            FailureAlarms(self, "Alarms", topic=topic).watch_machine(
                "Reconciler",
                self.network.reconciler.state_machine,
                what="The search for services that run something else than what is recorded",
                advice="Look at the execution in Step Functions; pythonbase doctor compares now",
            )

    def _existing(self, vpc: ExistingVpc) -> ec2.IVpc:
        existing = ec2.Vpc.from_vpc_attributes(
            self,
            "Vpc",
            vpc_id=vpc.id,
            vpc_cidr_block=vpc.cidr_block,
            availability_zones=list(vpc.availability_zones),
            private_subnet_ids=list(vpc.private_subnet_ids),
            public_subnet_ids=list(vpc.public_subnet_ids) or None,
        )
        Validations.of(existing).acknowledge(
            Acknowledgment(
                id="Annotation::@aws-cdk/aws-ec2:noSubnetRouteTableId",
                reason="no route is added to an existing VPC, so that nothing here asks for its route tables",
            )
        )
        return existing
