"""Where services run: a VPC whose tasks need no internet access, and an ECS cluster."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_logs as logs
from constructs import Construct

from pythonbase.network._vpc_endpoints import add_interface_endpoints, add_s3_endpoint
from pythonbase.permissions.trust import for_own_account
from pythonbase.releases.locks import release_locks
from pythonbase.releases.reconciler import ReleaseReconciler


class Network(Construct):
    """A VPC for services, the ECS cluster that they share, and what their releases share.

    Unless a VPC is given, creates one with public and private subnets and flow logs. Without NAT gateways the private
    subnets have no route to the internet; VPC endpoints provide what tasks need, for this account only.

    Args:
        scope: Parent.
        construct_id: Id in the parent.
        vpc: An existing VPC to use. Default: a new one is created.
        nat_gateways: NAT gateways of the new VPC. Default: 0, VPC endpoints only.
        max_azs: Number of Availability Zones of the new VPC: the first of the Region by name, which may not support
            Fargate and the VPC endpoints. Default: 2.
        availability_zones: Names of the Availability Zones of the new VPC, instead of ``max_azs``. Default: the first
            ``max_azs``.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc: ec2.IVpc | None = None,
        nat_gateways: int = 0,
        max_azs: int = 2,
        availability_zones: Sequence[str] = (),
    ) -> None:
        super().__init__(scope, construct_id)
        self.vpc: ec2.IVpc = vpc or self._new_vpc(nat_gateways, max_azs, availability_zones)
        self.cluster: ecs.Cluster = ecs.Cluster(
            self, "Cluster", vpc=self.vpc, container_insights_v2=ecs.ContainerInsights.ENABLED
        )
        self.reconciler: ReleaseReconciler = ReleaseReconciler(self, "Reconciler", cluster=self.cluster)
        self.release_locks: dynamodb.Table = release_locks(self, "ReleaseLocks")

    def _new_vpc(self, nat_gateways: int, max_azs: int, availability_zones: Sequence[str]) -> ec2.Vpc:
        private = ec2.SubnetType.PRIVATE_WITH_EGRESS if nat_gateways else ec2.SubnetType.PRIVATE_ISOLATED
        vpc = ec2.Vpc(
            self,
            "Vpc",
            max_azs=None if availability_zones else max_azs,
            availability_zones=[*availability_zones] or None,
            nat_gateways=nat_gateways,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="Public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=24),
                ec2.SubnetConfiguration(name="Private", subnet_type=private, cidr_mask=20),
            ],
        )
        flow_logs = logs.LogGroup(
            self, "FlowLogs", retention=logs.RetentionDays.ONE_MONTH, removal_policy=RemovalPolicy.DESTROY
        )
        flow_log = vpc.add_flow_log("FlowLog", destination=ec2.FlowLogDestination.to_cloud_watch_logs(flow_logs))
        for_own_account(flow_log.node.find_child("IAMRole"))
        add_s3_endpoint(vpc, only_way=not nat_gateways)
        if not nat_gateways:
            add_interface_endpoints(self, vpc)
        return vpc
