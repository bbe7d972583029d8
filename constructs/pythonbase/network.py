"""Where services run: a VPC whose tasks need no internet, and a cluster."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_logs as logs
from constructs import Construct

from pythonbase._acknowledge import acknowledge
from pythonbase.release_locks import release_locks
from pythonbase.release_reconciler import ReleaseReconciler

# What a Fargate task needs to start from a private image, to log, and to read its secrets:
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
_INTERFACE_ENDPOINTS = {
    "EcrApi": ec2.InterfaceVpcEndpointAwsService.ECR,
    "EcrDocker": ec2.InterfaceVpcEndpointAwsService.ECR_DOCKER,
    "Logs": ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
    "SecretsManager": ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
}


class Network(Construct):
    """A VPC for services, the ECS cluster that they share, and what their releases share.

    Creates, unless a VPC is given: a VPC with public and private subnets and flow logs. Without NAT gateways the
    private subnets have no route to the internet; VPC endpoints carry what tasks need.

    Args:
        scope: Parent.
        construct_id: Id in the parent.
        vpc: An existing VPC to use. Left out: a new one is created.
        nat_gateways: NAT gateways of the new VPC. Default 0: VPC endpoints only.
        max_azs: Availability Zones of the new VPC. Default 2.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc: ec2.IVpc | None = None,
        nat_gateways: int = 0,
        max_azs: int = 2,
    ) -> None:
        super().__init__(scope, construct_id)
        self.vpc: ec2.IVpc = vpc or self._new_vpc(nat_gateways, max_azs)
        self.cluster: ecs.Cluster = ecs.Cluster(
            self, "Cluster", vpc=self.vpc, container_insights_v2=ecs.ContainerInsights.ENABLED
        )
        self.reconciler: ReleaseReconciler = ReleaseReconciler(self, "Reconciler", cluster=self.cluster)
        self.release_locks: dynamodb.Table = release_locks(self, "ReleaseLocks")

    def _new_vpc(self, nat_gateways: int, max_azs: int) -> ec2.Vpc:
        private = ec2.SubnetType.PRIVATE_WITH_EGRESS if nat_gateways else ec2.SubnetType.PRIVATE_ISOLATED
        vpc = ec2.Vpc(
            self,
            "Vpc",
            max_azs=max_azs,
            nat_gateways=nat_gateways,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="Public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=24),
                ec2.SubnetConfiguration(name="Private", subnet_type=private, cidr_mask=20),
            ],
        )
        flow_logs = logs.LogGroup(
            self, "FlowLogs", retention=logs.RetentionDays.ONE_MONTH, removal_policy=RemovalPolicy.DESTROY
        )
        vpc.add_flow_log("FlowLog", destination=ec2.FlowLogDestination.to_cloud_watch_logs(flow_logs))
        if not nat_gateways:
            self._add_endpoints(vpc)
        return vpc

    def _add_endpoints(self, vpc: ec2.Vpc) -> None:
        vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        security_group = ec2.SecurityGroup(
            self, "Endpoints", vpc=vpc, allow_all_outbound=False, description="VPC endpoints, for tasks in this VPC"
        )
        security_group.add_ingress_rule(ec2.Peer.ipv4(vpc.vpc_cidr_block), ec2.Port.HTTPS, "HTTPS from this VPC")
        acknowledge(
            security_group,
            {"AwsSolutions-EC23": "the rule admits the VPC's own address range, which is known only at deployment"},
        )
        for name, service in _INTERFACE_ENDPOINTS.items():
            vpc.add_interface_endpoint(name, service=service, security_groups=[security_group], open=False)
