"""VPC and cluster."""

from __future__ import annotations

import json

import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk.assertions import Template
from ministack.core import iam_evaluator

from pythonbase import Network
from tests.unit.synthesis import ACCOUNT, REGION, new_stack, only, resources, text


@pytest.fixture(scope="module")
def private() -> Template:
    stack = new_stack()
    Network(stack, "Network")
    return Template.from_stack(stack)


@pytest.fixture(scope="module")
def with_nat() -> Template:
    stack = new_stack()
    Network(stack, "Network", nat_gateways=1)
    return Template.from_stack(stack)


def _routes_to_the_internet(template: Template) -> set[str]:
    """Route tables with a default route, by logical id without hash, and where it leads."""
    return {
        f"{text(route.properties['RouteTableId'])} -> {'NAT' if 'NatGatewayId' in route.properties else 'internet'}"
        for route in resources(template, "AWS::EC2::Route").values()
        if route.properties.get("DestinationCidrBlock") == "0.0.0.0/0"
    }


def test_by_default_private_subnets_have_no_way_to_the_internet(private: Template) -> None:
    assert _routes_to_the_internet(private) == {
        "${NetworkVpcPublicSubnet1RouteTable} -> internet",
        "${NetworkVpcPublicSubnet2RouteTable} -> internet",
    }
    assert not resources(private, "AWS::EC2::NatGateway")


def test_by_default_vpc_endpoints_carry_what_a_task_needs(private: Template) -> None:
    endpoints = resources(private, "AWS::EC2::VPCEndpoint").values()
    services = {text(item.properties["ServiceName"]).split(".", 3)[3]: item.properties for item in endpoints}
    assert {name: properties["VpcEndpointType"] for name, properties in services.items()} == {
        "ecr.api": "Interface",
        "ecr.dkr": "Interface",
        "logs": "Interface",
        "secretsmanager": "Interface",
        "s3": "Gateway",
    }
    for properties in services.values():
        if properties["VpcEndpointType"] == "Interface":
            assert properties["PrivateDnsEnabled"] is True
            assert {text(subnet) for subnet in properties["SubnetIds"]} == {
                "${NetworkVpcPrivateSubnet1Subnet}",
                "${NetworkVpcPrivateSubnet2Subnet}",
            }


def test_the_endpoints_admit_https_from_the_vpc_only(private: Template) -> None:
    group = resources(private, "AWS::EC2::SecurityGroup")["NetworkEndpoints"].properties
    (rule,) = group["SecurityGroupIngress"]
    assert (text(rule["CidrIp"]), rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == (
        "${NetworkVpc.CidrBlock}", "tcp", 443, 443,
    )  # fmt: skip
    assert [rule["CidrIp"] for rule in group["SecurityGroupEgress"]] == ["255.255.255.255/32"], "none"
    assert not resources(private, "AWS::EC2::SecurityGroupIngress")


def test_with_nat_private_subnets_reach_the_internet_through_it_and_need_no_endpoints(with_nat: Template) -> None:
    assert _routes_to_the_internet(with_nat) == {
        "${NetworkVpcPublicSubnet1RouteTable} -> internet",
        "${NetworkVpcPublicSubnet2RouteTable} -> internet",
        "${NetworkVpcPrivateSubnet1RouteTable} -> NAT",
        "${NetworkVpcPrivateSubnet2RouteTable} -> NAT",
    }
    assert len(resources(with_nat, "AWS::EC2::NatGateway")) == 1


def test_with_nat_layers_come_through_the_free_endpoint_of_s3_and_nothing_is_closed(with_nat: Template) -> None:
    endpoint = only(with_nat, "AWS::EC2::VPCEndpoint").properties
    assert text(endpoint["ServiceName"]).endswith(".s3")
    assert endpoint["VpcEndpointType"] == "Gateway"
    assert "PolicyDocument" not in endpoint
    tables = {text(table) for table in endpoint["RouteTableIds"]}
    assert {"${NetworkVpcPrivateSubnet1RouteTable}", "${NetworkVpcPrivateSubnet2RouteTable}"} <= tables


LAYERS = f"arn:aws:s3:::prod-{REGION}-starport-layer-bucket/layer"
STRANGER = "999988887777"
REQUESTS = [
    # endpoint, who, what, on which resource of whose, whether it passes
    ("s3", STRANGER, "s3:GetObject", LAYERS, STRANGER, True),  # ECR signs the addresses of layers
    ("s3", ACCOUNT, "s3:PutObject", "arn:aws:s3:::ours/file", ACCOUNT, True),
    ("s3", STRANGER, "s3:PutObject", "arn:aws:s3:::theirs/loot", STRANGER, False),
    ("s3", ACCOUNT, "s3:PutObject", "arn:aws:s3:::theirs/loot", STRANGER, False),
    ("s3", STRANGER, "s3:PutObject", LAYERS, STRANGER, False),
    ("ecr.api", ACCOUNT, "ecr:GetAuthorizationToken", "*", ACCOUNT, True),
    ("ecr.api", STRANGER, "ecr:GetAuthorizationToken", "*", STRANGER, False),
    ("ecr.dkr", ACCOUNT, "ecr:BatchGetImage", f"arn:aws:ecr:{REGION}:{STRANGER}:repository/base", STRANGER, True),
    ("ecr.dkr", STRANGER, "ecr:PutImage", f"arn:aws:ecr:{REGION}:{STRANGER}:repository/loot", STRANGER, False),
    ("logs", ACCOUNT, "logs:PutLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:app:*", ACCOUNT, True),
    ("logs", STRANGER, "logs:PutLogEvents", f"arn:aws:logs:{REGION}:{STRANGER}:log-group:loot:*", STRANGER, False),
    ("secretsmanager", STRANGER, "secretsmanager:PutSecretValue", "*", STRANGER, False),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda item: f"{item[0]} {item[1]} {item[2]} of {item[4]}")
def test_without_internet_a_task_reaches_only_what_is_the_accounts_own(
    private: Template, request_: tuple[str, str, str, str, str, bool]
) -> None:
    endpoint, who, action, resource, owner, passes = request_
    endpoints = resources(private, "AWS::EC2::VPCEndpoint").values()
    (document,) = [
        item.properties["PolicyDocument"]
        for item in endpoints
        if text(item.properties["ServiceName"]).endswith(f".{endpoint}")
    ]
    assert all(statement["Principal"] == {"AWS": "*"} for statement in document["Statement"])
    readable = json.dumps(
        {
            **document,
            "Statement": [
                {**statement, "Resource": text(statement["Resource"]).replace("${AWS::Partition}", "aws")}
                for statement in document["Statement"]
            ],
        }
    )
    assert "Fn::" not in readable
    context = iam_evaluator.EvalContext(
        principal_arn=f"arn:aws:iam::{who}:role/task",
        principal_type="AssumedRole",
        principal_account=who,
        action=action,
        resource_arn=resource,
        region=REGION,
        principal_keys={"aws:ResourceAccount".lower(): owner},
    )
    statements = [iam_evaluator.parse_policy_document(readable)]
    with pytest.MonkeyPatch.context() as patch:  # the ARN of an S3 bucket does not name its owner
        patch.setattr(iam_evaluator, "_account_from_arn", lambda _arn: owner)
        assert (iam_evaluator.evaluate(context, statements).decision == "Allow") is passes


def test_availability_zones_can_be_named() -> None:
    stack = new_stack()
    Network(stack, "Network", availability_zones=["eu-central-1a", "eu-central-1c"])
    zones = {
        text(item.properties["AvailabilityZone"])
        for item in resources(Template.from_stack(stack), "AWS::EC2::Subnet").values()
    }
    assert zones == {"eu-central-1a", "eu-central-1c"}


@pytest.mark.parametrize("fixture", ["private", "with_nat"])
def test_all_traffic_of_a_new_vpc_is_logged(request: pytest.FixtureRequest, fixture: str) -> None:
    template: Template = request.getfixturevalue(fixture)
    flow_log = only(template, "AWS::EC2::FlowLog").properties
    assert flow_log["TrafficType"] == "ALL"
    assert text(flow_log["ResourceId"]) == "${NetworkVpc}"
    assert text(flow_log["LogGroupName"]) == "${NetworkFlowLogs}"


def test_private_subnets_give_no_public_addresses(private: Template) -> None:
    public = {
        name: subnet.properties["MapPublicIpOnLaunch"]
        for name, subnet in resources(private, "AWS::EC2::Subnet").items()
    }
    assert {name for name, value in public.items() if value} == {
        "NetworkVpcPublicSubnet1Subnet",
        "NetworkVpcPublicSubnet2Subnet",
    }
    assert len(public) == 4


def test_the_cluster_reports_its_containers(private: Template) -> None:
    assert only(private, "AWS::ECS::Cluster").properties["ClusterSettings"] == [
        {"Name": "containerInsights", "Value": "enabled"}
    ]


def test_an_existing_vpc_is_used_as_it_is() -> None:
    stack = new_stack()
    vpc = ec2.Vpc.from_vpc_attributes(
        stack,
        "Given",
        vpc_id="vpc-0123456789abcdef0",
        availability_zones=["eu-central-1a"],
        private_subnet_ids=["subnet-0123456789abcdef0"],
    )
    network = Network(stack, "Network", vpc=vpc, nat_gateways=1)
    template = Template.from_stack(stack)
    assert network.vpc.vpc_id == "vpc-0123456789abcdef0"
    kinds = {body["Type"] for body in template.to_json()["Resources"].values()}
    assert "AWS::ECS::Cluster" in kinds
    assert not [kind for kind in kinds if kind.startswith("AWS::EC2::")]
