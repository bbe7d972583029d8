"""The section `network`, which environments may have too."""

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
    """A VPC that is there already. It brings its own way to ECR, S3, CloudWatch Logs and Secrets Manager."""

    id: _VpcId = Field(description="Id of the VPC.", examples=["vpc-0123456789abcdef0"])
    cidr_block: _CidrBlock | None = Field(
        default=None,
        description="Address range of the VPC. Needed when a service has an internal load balancer.",
        examples=["10.0.0.0/16"],
    )
    availability_zones: list[AvailabilityZone] = Field(
        min_length=1,
        description="Availability zones of the subnets, in the order of the subnets.",
        examples=[["eu-central-1a", "eu-central-1b"]],
    )
    private_subnet_ids: list[_SubnetId] = Field(
        min_length=1,
        description="Subnets that the services run in: one for each availability zone, in their order.",
        examples=[["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]],
    )
    public_subnet_ids: list[_SubnetId] = Field(
        default=[],
        description="Subnets of public load balancers: one for each availability zone, in their order. "
        "Left out: no service can have a public load balancer.",
        examples=[["subnet-0123456789abcdef2", "subnet-0123456789abcdef3"]],
    )


class Network(Section):
    """The network of the services: a new VPC, or an existing one."""

    nat_gateways: Annotated[int, Field(ge=0, le=3), rule("use 0 to 3; 0 is VPC endpoints only")] = Field(
        default=0,
        description="NAT gateways of the new VPC. 0: services reach AWS through VPC endpoints and have no way to the "
        "internet.",
    )
    max_azs: Annotated[int, Field(ge=2, le=3), rule("use 2 or 3")] = Field(
        default=2, description="Number of availability zones of the new VPC."
    )
    availability_zones: list[AvailabilityZone] = Field(
        default=[],
        min_length=2,
        max_length=3,
        description="Availability zones of the new VPC, 2 or 3 of them. Left out: the first max_azs of the Region, by "
        "name.",
        examples=[["eu-central-1a", "eu-central-1c"]],
    )
    vpc: ExistingVpc | None = Field(default=None, description="An existing VPC. Left out: a new one is created.")
