"""The section `network`, at the top level and of an environment."""

import ipaddress
from typing import Annotated

from pydantic import Field

from pythonbase_settings.fields.rules import check, rule
from pythonbase_settings.fields.types import AvailabilityZone
from pythonbase_settings.sections.section import Section

_LARGEST_VPC, _SMALLEST_VPC = 16, 28  # prefix lengths that AWS allows


def ipv4_network(text: str) -> str:
    """The address range of a VPC: `10.0.0.0/16`."""
    fix = "use the VPC's IPv4 range, such as 10.0.0.0/16"
    try:
        network = ipaddress.IPv4Network(text, strict=False)
    except ValueError:
        raise ValueError(fix) from None
    if "/" not in text or not _LARGEST_VPC <= network.prefixlen <= _SMALLEST_VPC:
        raise ValueError(f"{fix}, from /{_LARGEST_VPC} to /{_SMALLEST_VPC}")
    if str(network) != text:
        raise ValueError(f"use {network}: the address of the range comes before the slash")
    return text


_VpcId = Annotated[str, Field(pattern=r"^vpc-[0-9a-f]{8,17}$"), rule("use the VPC's id, such as vpc-0123456789abcdef0")]
_SubnetId = Annotated[
    str, Field(pattern=r"^subnet-[0-9a-f]{8,17}$"), rule("use a subnet's id, such as subnet-0123456789abcdef0")
]
_CidrBlock = Annotated[str, check(ipv4_network)]


class ExistingVpc(Section):
    """An existing VPC. Its subnets must reach ECR, S3, CloudWatch Logs and Secrets Manager."""

    id: _VpcId = Field(description="ID of the VPC.", examples=["vpc-0123456789abcdef0"])
    cidr_block: _CidrBlock | None = Field(
        default=None,
        description="IPv4 CIDR block of the VPC; required if a service has an internal load balancer. Default: none.",
        examples=["10.0.0.0/16"],
    )
    availability_zones: list[AvailabilityZone] = Field(
        min_length=1,
        description="Availability zones of the subnets, such as `[eu-central-1a, eu-central-1b]`.",
        examples=[["eu-central-1a", "eu-central-1b"]],
    )
    private_subnet_ids: list[_SubnetId] = Field(
        min_length=1,
        description="Subnets of the services: one for each zone, in the same order as the zones.",
        examples=[["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]],
    )
    public_subnet_ids: list[_SubnetId] = Field(
        default=[],
        description="Subnets of public load balancers: one for each zone, in the same order as the zones. Without "
        "them, no service can have a public load balancer.",
        examples=[["subnet-0123456789abcdef2", "subnet-0123456789abcdef3"]],
    )


class Network(Section):
    """The network of the services: a new VPC, or an existing one."""

    nat_gateways: Annotated[int, Field(ge=0, le=3), rule("use 0 to 3; 0 is VPC endpoints only")] = Field(
        default=0,
        description="NAT gateways of the new VPC, at most `max_azs`. 0: VPC endpoints only, no internet access.",
    )
    max_azs: Annotated[int, Field(ge=2, le=3), rule("use 2 or 3")] = Field(
        default=2, description="Number of availability zones of the new VPC."
    )
    availability_zones: list[AvailabilityZone] = Field(
        default=[],
        min_length=2,
        max_length=3,
        description="Names of the new VPC's availability zones. Set them if the default zones lack Fargate or a VPC "
        "endpoint. Default: the first `max_azs` by name.",
        examples=[["eu-central-1a", "eu-central-1c"]],
    )
    vpc: ExistingVpc | None = Field(
        default=None, description="An existing VPC; do not set the settings above with it. Default: a new VPC."
    )
