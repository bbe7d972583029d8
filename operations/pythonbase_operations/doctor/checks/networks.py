"""Whether the zones of new VPCs have what services need, and whether services stay in their network."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from pythonbase_operations.doctor import stacks
from pythonbase_operations.doctor.aws import Aws, side_by_side
from pythonbase_operations.doctor.declared import NewVpc, Platform
from pythonbase_operations.doctor.finding import Finding
from pythonbase_operations.names import Names

ENDPOINTS = ("ecr.api", "ecr.dkr", "logs", "secretsmanager")
"""Interface endpoints of a VPC without NAT gateways (``pythonbase.network``)."""


def check(aws: Aws, platform: Platform) -> list[Finding]:
    """Read zones and VPC endpoint services for VPCs that do not exist yet, and the clusters of existing services."""
    vpcs = [vpc for vpc in platform.vpcs if not _is_there(aws, vpc)]
    findings = []
    if vpcs:
        zones = _zones(aws)
        endpoints = _endpoint_zones(aws) if any(not vpc.nat_gateways for vpc in vpcs) else {}
        with_fargate = platform.fargate_zones.get(aws.region)
        findings = [
            finding
            for vpc in vpcs
            for finding in judge(vpc, zones, endpoints if not vpc.nat_gateways else {}, with_fargate=with_fargate)
        ]
    moved = side_by_side(lambda target: _moved(aws, platform, target), list(platform.networks))
    return [*findings, *(finding for found in moved for finding in found)]


def _is_there(aws: Aws, vpc: NewVpc) -> bool:
    """Whether the VPC exists. A stack whose creation failed has none, perhaps because of its zones."""
    stack = stacks.stack(aws, vpc.stack)
    return stack is not None and bool(stack.physical_ids("AWS::EC2::VPC"))


def _zones(aws: Aws) -> dict[str, str]:
    """Names and ids of the zones that this account may use, without local zones: they are opt-in, and not suitable."""
    found = aws.client("ec2").describe_availability_zones(
        Filters=[{"Name": "zone-type", "Values": ["availability-zone"]}]
    )["AvailabilityZones"]
    return {zone["ZoneName"]: zone["ZoneId"] for zone in found if zone["State"] == "available"}


def _endpoint_zones(aws: Aws) -> dict[str, list[str]]:
    """The zones of each endpoint service: https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html"""
    names = {f"com.amazonaws.{aws.region}.{service}": service for service in ENDPOINTS}
    details = aws.client("ec2").describe_vpc_endpoint_services(Filters=[{"Name": "service-name", "Values": [*names]}])[
        "ServiceDetails"
    ]
    return {names[item["ServiceName"]]: item["AvailabilityZones"] for item in details if item["ServiceName"] in names}


def judge(
    vpc: NewVpc,
    zones: Mapping[str, str],
    endpoints: Mapping[str, Collection[str]],
    *,
    with_fargate: Sequence[str] | None,
) -> list[Finding]:
    """Whether a new VPC's zones exist and have Fargate and the VPC endpoints.

    Args:
        vpc: The VPC.
        zones: Zones of the account: names and ids.
        endpoints: The zones of each VPC endpoint service that it needs; empty if it needs none.
        with_fargate: Ids of the zones with Fargate; None: all have it.
    """
    place = f"{vpc.place}.availability_zones" if vpc.availability_zones else vpc.place
    good = [
        name
        for name, zone_id in sorted(zones.items())
        if (with_fargate is None or zone_id in with_fargate) and all(name in found for found in endpoints.values())
    ]
    fix = f"set availability_zones to some of {', '.join(good)}" if len(good) > 1 else "use another Region"
    if not vpc.availability_zones and len(zones) < vpc.max_azs:
        what = f"max_azs is {vpc.max_azs}, but the account has {len(zones)} zones: {', '.join(sorted(zones))}"
        return [Finding(place=place, what=what, fix=f"set max_azs to {len(zones)}")]
    # The CDK takes the first zones of Fn::GetAZs.
    chosen = vpc.availability_zones or sorted(zones)[: vpc.max_azs]
    return [
        Finding(place=place, what=f"the zone {zone} {lacks}", fix=fix)
        for zone in chosen
        for lacks in _lacks(zone, zones, endpoints, with_fargate)
    ]


def _lacks(
    zone: str,
    zones: Mapping[str, str],
    endpoints: Mapping[str, Collection[str]],
    with_fargate: Sequence[str] | None,
) -> list[str]:
    if zone not in zones:
        return ["is not available in this account"]
    without = [service for service, found in endpoints.items() if zone not in found]
    lacks = [f"({zones[zone]}) has no Fargate"] if with_fargate is not None and zones[zone] not in with_fargate else []
    return [*lacks, *([f"has no VPC endpoint of {', '.join(without)}"] if without else [])]


def _moved(aws: Aws, platform: Platform, target: Names) -> list[Finding]:
    """An ECS service cannot move to another cluster: in another network, it is replaced."""
    stack, network = stacks.stack(aws, platform.stacks[target]), stacks.stack(aws, platform.networks[target])
    services = stack.physical_ids("AWS::ECS::Service") if stack else []
    if not services:
        return []
    # arn:aws:ecs:<region>:<account>:service/<cluster>/<name>
    cluster = services[0].split("/")[1]
    if network and cluster in network.physical_ids("AWS::ECS::Cluster"):
        return []
    return [
        Finding(
            place=f"service {target.deployed}",
            what=f"it runs in the cluster {cluster}, and the configuration moves it to the network of the stack "
            f"{platform.networks[target]}: the deployment would replace it, with a new address and downtime",
            fix="add an environment with another name, switch clients to it, and remove this one",
        )
    ]
