"""The endpoints of a VPC without internet access, and their policies."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from pythonbase.permissions.acknowledge import acknowledge

# What a Fargate task needs to start from a private image, to log, and to read its secrets:
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
_INTERFACE_ENDPOINTS = {
    "EcrApi": ec2.InterfaceVpcEndpointAwsService.ECR,
    "EcrDocker": ec2.InterfaceVpcEndpointAwsService.ECR_DOCKER,
    "Logs": ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
    "SecretsManager": ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
}


def add_s3_endpoint(vpc: ec2.Vpc, *, only_way: bool) -> None:
    """Add the gateway endpoint of S3, which is free: ECR stores the layers of images in S3.

    Args:
        vpc: The VPC.
        only_way: Whether tasks have no other route to S3. Then the policy allows only ECR's layers and this account's
            own buckets: an attacker who controls a task cannot copy data to another account's bucket.
    """
    endpoint = vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
    if not only_way:
        return
    stack = Stack.of(vpc)
    # https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html#ecr-minimum-s3-perms
    layers = stack.format_arn(
        service="s3", account="", region="", resource=f"prod-{stack.region}-starport-layer-bucket", resource_name="*"
    )
    endpoint.add_to_policy(
        iam.PolicyStatement(principals=[iam.AnyPrincipal()], actions=["s3:GetObject"], resources=[layers])
    )
    endpoint.add_to_policy(
        iam.PolicyStatement(
            principals=[iam.AnyPrincipal()],
            actions=["s3:*"],
            resources=["*"],
            conditions={"StringEquals": {"aws:PrincipalAccount": stack.account, "aws:ResourceAccount": stack.account}},
        )
    )


def add_interface_endpoints(scope: Construct, vpc: ec2.Vpc) -> None:
    """Add the interface endpoints that tasks need. They accept only this account's own credentials.

    https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html

    Args:
        scope: Parent of their security group.
        vpc: The VPC.
    """
    security_group = ec2.SecurityGroup(
        scope, "Endpoints", vpc=vpc, allow_all_outbound=False, description="VPC endpoints, for tasks in this VPC"
    )
    security_group.add_ingress_rule(ec2.Peer.ipv4(vpc.vpc_cidr_block), ec2.Port.HTTPS, "HTTPS from this VPC")
    acknowledge(
        security_group,
        {"AwsSolutions-EC23": "the rule admits the VPC's own address range, which is known only at deployment"},
    )
    for name, service in _INTERFACE_ENDPOINTS.items():
        endpoint = vpc.add_interface_endpoint(name, service=service, security_groups=[security_group], open=False)
        endpoint.add_to_policy(
            iam.PolicyStatement(
                principals=[iam.AnyPrincipal()],
                actions=["*"],
                resources=["*"],
                conditions={"StringEquals": {"aws:PrincipalAccount": Stack.of(vpc).account}},
            )
        )
