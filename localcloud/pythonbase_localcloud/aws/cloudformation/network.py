"""EC2 types of a VPC that MiniStack lacks. Bookkeeping only: there is no network behind them."""

from __future__ import annotations

from typing import Any

from pythonbase_localcloud.aws import seams

from .types import Properties, Resource, amend, new_id, register


def _create_address(logical_id: str, properties: Properties, stack: str) -> Resource:
    del logical_id, stack
    ec2 = seams.ec2
    known = set(ec2._addresses.keys())
    ec2._allocate_address({"Domain": ["vpc"]})
    allocation = next(key for key in ec2._addresses.keys() if key not in known)  # noqa: SIM118 - not a real dict
    seams.provisioners._ec2_apply_tags(allocation, properties)
    address = ec2._addresses[allocation]["PublicIp"]
    return Resource(address, {"AllocationId": allocation, "PublicIp": address})


def _allocation(address: str) -> str | None:
    return next((key for key, value in seams.ec2._addresses.items() if value["PublicIp"] == address), None)


def _update_address(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Resource:
    del stack, logical_id
    allocation = _allocation(physical_id) or ""
    seams.provisioners._ec2_apply_tags(allocation, new, old)
    return Resource(physical_id, {"AllocationId": allocation, "PublicIp": physical_id})


def _delete_address(physical_id: str, properties: Properties) -> None:
    del properties
    seams.ec2._addresses.pop(_allocation(physical_id), None)


def _create_nat(logical_id: str, properties: Properties, stack: str) -> Resource:
    del logical_id, stack
    known = set(seams.ec2._nat_gateways.keys())
    seams.ec2._create_nat_gateway(
        {"SubnetId": [properties["SubnetId"]], "AllocationId": [properties.get("AllocationId", "")]}
    )
    gateway = next(key for key in seams.ec2._nat_gateways.keys() if key not in known)  # noqa: SIM118
    seams.provisioners._ec2_apply_tags(gateway, properties)
    return Resource(gateway, {"NatGatewayId": gateway})


def _update_nat(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Resource:
    if {**old, "Tags": None} != {**new, "Tags": None}:
        return _create_nat(logical_id, new, stack)
    seams.provisioners._ec2_apply_tags(physical_id, new, old)
    return Resource(physical_id, {"NatGatewayId": physical_id})


def _create_flow_log(logical_id: str, properties: Properties, stack: str) -> Resource:
    del logical_id, stack
    flow_log = new_id("fl")
    seams.ec2._flow_logs[flow_log] = {
        "FlowLogId": flow_log,
        "ResourceId": properties["ResourceId"],
        "ResourceType": properties["ResourceType"],
        "TrafficType": properties.get("TrafficType", "ALL"),
        "LogDestinationType": properties.get("LogDestinationType", "cloud-watch-logs"),
        "LogDestination": properties.get("LogDestination") or properties.get("LogGroupName", ""),
        "FlowLogStatus": "ACTIVE",
        "CreationTime": seams.ec2._now_ts(),
    }
    seams.provisioners._ec2_apply_tags(flow_log, properties)
    return Resource(flow_log, {"Id": flow_log})


def _update_flow_log(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Resource:
    if {**old, "Tags": None} != {**new, "Tags": None}:
        return _create_flow_log(logical_id, new, stack)
    seams.provisioners._ec2_apply_tags(physical_id, new, old)
    return Resource(physical_id, {"Id": physical_id})


def _register_rule(name: str, store: str) -> None:
    """A security group rule as a resource of its own: it adds itself to the group and removes itself."""

    def permission(properties: Properties) -> Any:
        return seams.provisioners._ec2_sg_permissions([dict(properties)])[0]

    def create(logical_id: str, properties: Properties, stack: str) -> Resource:
        del logical_id, stack
        group = seams.ec2._security_groups.get(properties.get("GroupId"))
        if group is None:
            raise ValueError(f"The security group '{properties.get('GroupId')}' does not exist")
        group[store].append(permission(properties))
        rule = new_id("sgr")
        return Resource(rule, {"Id": rule})

    def delete(physical_id: str, properties: Properties) -> None:
        del physical_id
        group = seams.ec2._security_groups.get(properties.get("GroupId"))
        if group and permission(properties) in group[store]:
            group[store].remove(permission(properties))

    register(name, create=create, delete=delete)


def _vpc_attributes(physical_id: str, properties: Properties) -> dict[str, Any]:
    """Interface endpoints of the CDK open their security group to the VPC's CidrBlock."""
    del properties
    vpc = seams.ec2._vpcs[physical_id]
    # The association's id must stay the same over updates, or everything that refers to it changes.
    association = f"vpc-cidr-assoc-{physical_id.removeprefix('vpc-')}"
    return {
        "CidrBlock": vpc["CidrBlock"],
        "CidrBlockAssociations": [association],
        "Ipv6CidrBlocks": [],
        "DefaultSecurityGroup": vpc.get("DefaultSecurityGroupId", ""),
    }


def install() -> None:
    """Register the types."""
    register("AWS::EC2::EIP", create=_create_address, update=_update_address, delete=_delete_address)
    register(
        "AWS::EC2::NatGateway",
        create=_create_nat,
        update=_update_nat,
        delete=lambda physical_id, _: seams.ec2._nat_gateways.pop(physical_id, None),
    )
    register(
        "AWS::EC2::FlowLog",
        create=_create_flow_log,
        update=_update_flow_log,
        delete=lambda physical_id, _: seams.ec2._flow_logs.pop(physical_id, None),
    )
    _register_rule("AWS::EC2::SecurityGroupIngress", "IpPermissions")
    _register_rule("AWS::EC2::SecurityGroupEgress", "IpPermissionsEgress")
    amend("AWS::EC2::VPC", _vpc_attributes)
