"""From where a service can be reached, and its load balancer."""

from __future__ import annotations

from enum import StrEnum
from typing import cast

from aws_cdk import CfnResource, Duration, Fn, Token
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from constructs import Construct, IConstruct

from pythonbase.permissions.acknowledge import acknowledge


class LoadBalancing(StrEnum):
    """From where a service can be reached."""

    PUBLIC = "public"
    """A load balancer with an address on the internet."""
    INTERNAL = "internal"
    """A load balancer inside the VPC."""
    NONE = "none"
    """No load balancer, for workers."""


def balance_load(
    scope: Construct,
    service: ecs.FargateService,
    *,
    vpc: ec2.IVpc,
    container_name: str,
    port: int,
    health_check_path: str,
    public: bool,
) -> tuple[elbv2.ApplicationLoadBalancer, elbv2.ApplicationTargetGroup]:
    """A load balancer that answers HTTP on port 80, with the service's tasks as its targets.

    Args:
        scope: Parent of the load balancer.
        service: The ECS service.
        vpc: Its VPC.
        container_name: The container that gets the requests.
        port: Port on which the container listens.
        health_check_path: Path that answers 200 when the service works.
        public: Whether its address is on the internet; otherwise it is inside the VPC.
    """
    load_balancer = elbv2.ApplicationLoadBalancer(
        scope,
        "LoadBalancer",
        vpc=vpc,
        internet_facing=public,
        drop_invalid_header_fields=True,
        vpc_subnets=ec2.SubnetSelection(
            subnets=vpc.public_subnets if public else vpc.private_subnets or vpc.isolated_subnets
        ),
    )
    peer = ec2.Peer.any_ipv4() if public else ec2.Peer.ipv4(vpc.vpc_cidr_block)
    listener = load_balancer.add_listener("Http", port=80, protocol=elbv2.ApplicationProtocol.HTTP, open=False)
    listener.connections.allow_default_port_from(peer, "HTTP")
    target_group = listener.add_targets(
        "Service",
        port=port,
        protocol=elbv2.ApplicationProtocol.HTTP,
        targets=[service.load_balancer_target(container_name=container_name, container_port=port)],
        deregistration_delay=Duration.seconds(30),
        health_check=elbv2.HealthCheck(
            path=health_check_path,
            interval=Duration.seconds(10),
            timeout=Duration.seconds(5),
            healthy_threshold_count=2,
            unhealthy_threshold_count=3,
        ),
    )
    # The tasks' security group has read the VPC's id from the network stack: do not read it again (see cluster_of).
    (security_group,) = service.connections.security_groups
    vpc_id = Fn.get_att(_resource(security_group).logical_id, "VpcId").to_string()
    for construct in (load_balancer.connections.security_groups[0], target_group):
        _resource(construct).add_property_override("VpcId", vpc_id)
    acknowledge(
        load_balancer,
        {
            "AwsSolutions-ELB2": "access logs need a bucket and its retention, which the owner of the account "
            "decides: load_balancer.log_access_logs(bucket)"
        },
    )
    if public:
        acknowledge(load_balancer, {"AwsSolutions-EC23": "a public load balancer answers everybody"})
    elif Token.is_unresolved(vpc.vpc_cidr_block):
        acknowledge(
            load_balancer,
            {"AwsSolutions-EC23": "the rule admits the VPC's own address range, which is known only at deployment"},
        )
    return load_balancer, target_group


def _resource(construct: IConstruct) -> CfnResource:
    return cast(CfnResource, construct.node.default_child)
