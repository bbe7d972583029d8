"""A service on Fargate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk.assertions import Template

from pythonbase import CONTAINER_NAME, BaseImage, LoadBalancing, Network, TaskSize, WebService
from tests.unit.synthesis import ACCOUNT, REGION, allowed, may, new_stack, only, resources, text, trusted_by

OTHER_ACCOUNT = "999988887777"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:orders/db-AbCdEf"
PRIVATE = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
PUBLIC = ["subnet-0123456789abcdef2", "subnet-0123456789abcdef3"]
LOAD_BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"


def _synthesize(*, existing_vpc: bool = False, secret: bool = False, **arguments: Any) -> Template:
    stack = new_stack()
    vpc = ec2.Vpc.from_vpc_attributes(
        stack,
        "Given",
        vpc_id="vpc-0123456789abcdef0",
        vpc_cidr_block="10.1.0.0/16",
        availability_zones=["eu-central-1a", "eu-central-1b"],
        private_subnet_ids=PRIVATE,
        public_subnet_ids=PUBLIC,
    )
    if secret:
        arguments["secrets"] = {"DB_PASSWORD": secretsmanager.Secret.from_secret_complete_arn(stack, "Secret", SECRET)}
    WebService(
        stack,
        "Web",
        service_name="orders",
        cluster=Network(stack, "Network", vpc=vpc if existing_vpc else None).cluster,
        base_image=BaseImage.from_registry(account=OTHER_ACCOUNT, region=REGION, name="pythonbase"),
        **arguments,
    )
    return Template.from_stack(stack)


@pytest.fixture(scope="module")
def public() -> Template:
    return _synthesize(existing_vpc=True)


@pytest.fixture(scope="module")
def internal() -> Template:
    return _synthesize(existing_vpc=True, load_balancing=LoadBalancing.INTERNAL)


@pytest.fixture(scope="module")
def worker() -> Template:
    return _synthesize(existing_vpc=True, load_balancing=LoadBalancing.NONE)


@pytest.fixture(scope="module")
def rich() -> Template:
    return _synthesize(
        secret=True,
        port=9000,
        health_check_path="/health",
        environment={"LOG_LEVEL": "info"},
        size=TaskSize(cpu=512, memory=1024, desired_count=2, max_count=6),
    )


def _container(template: Template) -> Mapping[str, Any]:
    (container,) = only(template, "AWS::ECS::TaskDefinition").properties["ContainerDefinitions"]
    result: Mapping[str, Any] = container
    return result


def _service(template: Template) -> Mapping[str, Any]:
    return only(template, "AWS::ECS::Service").properties


# -- the image that runs -----------------------------------------------------------------------------------------------


def test_the_image_is_read_from_the_releases_parameter_at_every_deployment(public: Template) -> None:
    assert _container(public)["Image"] == "{{resolve:ssm:/pythonbase/services/orders/image}}"
    assert public.to_json()["Parameters"].keys() == {"BootstrapVersion"}


def test_the_template_names_no_image(public: Template) -> None:
    assert "pythonbase:latest" not in str(public.to_json())
    assert "docker.io" not in str(public.to_json())


def test_the_service_does_not_write_what_it_reads(public: Template) -> None:
    assert not resources(public, "AWS::SSM::Parameter")
    assert not resources(public, "AWS::ECR::Repository")


# -- deployments -------------------------------------------------------------------------------------------------------


def test_a_failed_deployment_is_rolled_back_while_the_old_tasks_serve(public: Template) -> None:
    assert _service(public)["DeploymentConfiguration"] == {
        "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
        "MinimumHealthyPercent": 100,
        "MaximumPercent": 200,
    }


@pytest.mark.parametrize("fixture", ["public", "internal", "worker", "rich"])
def test_no_deployment_changes_the_count_that_auto_scaling_chose(request: pytest.FixtureRequest, fixture: str) -> None:
    assert "DesiredCount" not in _service(request.getfixturevalue(fixture))


def test_auto_scaling_keeps_between_the_desired_and_the_maximum_count(rich: Template) -> None:
    target = only(rich, "AWS::ApplicationAutoScaling::ScalableTarget").properties
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 6)
    policy = only(rich, "AWS::ApplicationAutoScaling::ScalingPolicy").properties
    assert policy["TargetTrackingScalingPolicyConfiguration"] == {
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
        "TargetValue": 60,
    }


def test_tasks_wait_for_the_permissions_that_start_them(public: Template) -> None:
    definition = only(public, "AWS::ECS::TaskDefinition")
    assert definition.depends_on == {"WebExecutionRole", "WebExecutionRoleDefaultPolicy"}


# -- the container -----------------------------------------------------------------------------------------------------


def test_the_container_gets_its_port_and_health_check(rich: Template) -> None:
    container = _container(rich)
    assert container["Name"] == CONTAINER_NAME == "app"
    assert {variable["Name"]: variable["Value"] for variable in container["Environment"]} == {
        "HEALTH_CHECK_PATH": "/health",
        "LOG_LEVEL": "info",
        "PORT": "9000",
    }
    assert [mapping["ContainerPort"] for mapping in container["PortMappings"]] == [9000]


def test_the_platforms_variables_take_precedence_over_the_services_own() -> None:
    template = _synthesize(port=9000, environment={"PORT": "1", "HEALTH_CHECK_PATH": "/x"})
    variables = {variable["Name"]: variable["Value"] for variable in _container(template)["Environment"]}
    assert variables == {"HEALTH_CHECK_PATH": "/", "PORT": "9000"}


def test_cpu_and_memory_are_those_of_the_task(rich: Template, public: Template) -> None:
    sizes = [only(template, "AWS::ECS::TaskDefinition").properties for template in (rich, public)]
    assert [(size["Cpu"], size["Memory"]) for size in sizes] == [("512", "1024"), ("256", "512")]


def test_a_task_runs_in_private_subnets_without_a_public_address(public: Template) -> None:
    network = _service(public)["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert network["AssignPublicIp"] == "DISABLED"
    assert network["Subnets"] == PRIVATE


def test_logs_go_to_a_retained_group_of_the_service(public: Template) -> None:
    options = _container(public)["LogConfiguration"]["Options"]
    group = resources(public, "AWS::Logs::LogGroup")["WebLogs"]
    assert text(options["awslogs-group"]) == "${WebLogs}"
    assert (group.properties["RetentionInDays"], group.body["DeletionPolicy"]) == (90, "Retain")


def test_a_secret_is_a_reference_and_never_a_value(rich: Template, public: Template) -> None:
    assert _container(rich)["Secrets"] == [{"Name": "DB_PASSWORD", "ValueFrom": SECRET}]
    assert "Secrets" not in _container(public)


# -- permissions -------------------------------------------------------------------------------------------------------


def _execution_rights(*, with_secret: bool) -> dict[str, set[str]]:
    base = f"arn:${{AWS::Partition}}:ecr:{REGION}:{OTHER_ACCOUNT}:repository/pythonbase"
    own = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/orders"
    rights = {
        "ecr:BatchCheckLayerAvailability": {base, own},
        "ecr:BatchGetImage": {base, own},
        "ecr:GetAuthorizationToken": {"*"},
        "ecr:GetDownloadUrlForLayer": {base, own},
        "logs:CreateLogStream": {"${WebLogs.Arn}"},
        "logs:PutLogEvents": {"${WebLogs.Arn}"},
    }
    secret = {"secretsmanager:GetSecretValue": {SECRET}}
    return rights | secret if with_secret else rights


def test_tasks_are_started_with_the_images_and_the_log_of_the_service_only(public: Template) -> None:
    assert allowed(public, "WebExecutionRole") == _execution_rights(with_secret=False)
    assert trusted_by(public, "WebExecutionRole") == ["ecs-tasks.amazonaws.com"]


def test_a_secret_may_be_read_where_it_is_used(rich: Template) -> None:
    assert allowed(rich, "WebExecutionRole") == _execution_rights(with_secret=True)


def test_the_code_of_the_service_may_do_nothing_on_aws(rich: Template) -> None:
    assert allowed(rich, "WebTaskDefinitionTaskRole") == {}


@pytest.mark.parametrize("action", ["ecr:PutImage", "ssm:PutParameter", "ssm:GetParameters", "logs:CreateLogGroup"])
def test_the_execution_role_may_not(rich: Template, action: str) -> None:
    assert not may(allowed(rich, "WebExecutionRole"), action)


# -- load balancers ----------------------------------------------------------------------------------------------------


def _ingress(template: Template, group: str) -> list[tuple[str, int, int]]:
    """Inline and separate ingress rules of a security group: source, first and last port."""
    body = resources(template, "AWS::EC2::SecurityGroup")[group]
    rules = list(body.properties.get("SecurityGroupIngress", []))
    for rule in resources(template, "AWS::EC2::SecurityGroupIngress").values():
        if rule.properties["GroupId"] == {"Fn::GetAtt": [body.logical_id, "GroupId"]}:
            rules.append(rule.properties)
    return [
        (text(rule.get("CidrIp") or rule["SourceSecurityGroupId"]), rule["FromPort"], rule["ToPort"]) for rule in rules
    ]


def test_a_public_load_balancer_answers_everybody_on_port_80(public: Template) -> None:
    balancer = only(public, LOAD_BALANCER).properties
    assert (balancer["Scheme"], balancer["Subnets"]) == ("internet-facing", PUBLIC)
    assert _ingress(public, "WebLoadBalancerSecurityGroup") == [("0.0.0.0/0", 80, 80)]


def test_an_internal_load_balancer_answers_the_vpc_only(internal: Template) -> None:
    balancer = only(internal, LOAD_BALANCER).properties
    assert (balancer["Scheme"], balancer["Subnets"]) == ("internal", PRIVATE)
    assert _ingress(internal, "WebLoadBalancerSecurityGroup") == [("10.1.0.0/16", 80, 80)]


def test_an_internal_load_balancer_of_a_new_vpc_answers_its_range() -> None:
    template = _synthesize(load_balancing=LoadBalancing.INTERNAL)
    assert _ingress(template, "WebLoadBalancerSecurityGroup") == [("${NetworkVpc.CidrBlock}", 80, 80)]


@pytest.mark.parametrize(("fixture", "port"), [("public", 8080), ("internal", 8080), ("rich", 9000)])
def test_tasks_are_reached_through_the_load_balancer_only(
    request: pytest.FixtureRequest, fixture: str, port: int
) -> None:
    template: Template = request.getfixturevalue(fixture)
    assert _ingress(template, "WebServiceSecurityGroup") == [("${WebLoadBalancerSecurityGroup.GroupId}", port, port)]


def test_a_worker_has_no_load_balancer_and_admits_nobody(worker: Template) -> None:
    for kind in ("LoadBalancer", "Listener", "TargetGroup"):
        assert not resources(worker, f"AWS::ElasticLoadBalancingV2::{kind}")
    assert not resources(worker, "AWS::EC2::SecurityGroupIngress")
    groups = resources(worker, "AWS::EC2::SecurityGroup").values()
    assert groups
    assert not any("SecurityGroupIngress" in group.properties for group in groups)
    service = _service(worker)
    assert not service.get("LoadBalancers")
    assert "HealthCheckGracePeriodSeconds" not in service


def test_the_load_balancer_requests_the_health_check_path_on_the_services_port(rich: Template) -> None:
    group = only(rich, "AWS::ElasticLoadBalancingV2::TargetGroup").properties
    assert (group["HealthCheckPath"], group["Port"], group["TargetType"]) == ("/health", 9000, "ip")
    assert _service(rich)["HealthCheckGracePeriodSeconds"] == 60
    (target,) = _service(rich)["LoadBalancers"]
    assert (target["ContainerName"], target["ContainerPort"]) == (CONTAINER_NAME, 9000)


def test_the_load_balancer_drops_invalid_headers(public: Template) -> None:
    attributes = {
        item["Key"]: item["Value"] for item in only(public, LOAD_BALANCER).properties["LoadBalancerAttributes"]
    }
    assert attributes["routing.http.drop_invalid_header_fields.enabled"] == "true"


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("port", [0, -1, 65_536])
def test_a_port_out_of_range_is_refused(port: int) -> None:
    with pytest.raises(ValueError, match=f"port must be from 1 to 65535, got {port}"):
        _synthesize(port=port)


@pytest.mark.parametrize("port", [1, 65_535])
def test_the_first_and_the_last_port_are_accepted(port: int) -> None:
    assert [mapping["ContainerPort"] for mapping in _container(_synthesize(port=port))["PortMappings"]] == [port]


@pytest.mark.parametrize("path", ["", "health", "http://x/"])
def test_a_health_check_path_without_a_slash_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=f"health_check_path must start with a slash, got '{path}'"):
        _synthesize(health_check_path=path)


def test_a_wrong_service_name_is_refused() -> None:
    stack = new_stack()
    with pytest.raises(ValueError, match="got 'Orders'"):
        WebService(
            stack,
            "Web",
            service_name="Orders",
            cluster=Network(stack, "Network").cluster,
            base_image=BaseImage.from_registry(account=ACCOUNT, region=REGION, name="pythonbase"),
        )


@pytest.mark.parametrize("count", [0, -1])
def test_a_service_without_tasks_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"desired_count must be at least 1, got {count}"):
        TaskSize(desired_count=count)


def test_a_maximum_below_the_desired_count_is_refused() -> None:
    with pytest.raises(ValueError, match=r"max_count must be at least desired_count \(3\), got 2"):
        TaskSize(desired_count=3, max_count=2)
    assert TaskSize(desired_count=3, max_count=3).max_count == 3


def test_the_service_is_deployed_with_the_newest_revision_and_anew_when_its_template_changes(
    public: Template,
) -> None:
    service = only(public, "AWS::ECS::Service")
    definition = only(public, "AWS::ECS::TaskDefinition")
    assert service.properties["TaskDefinition"] == definition.properties["Family"]
    assert service.properties["ForceNewDeployment"] == {
        "EnableForceNewDeployment": True,
        "ForceNewDeploymentNonce": {"Ref": definition.logical_id},
    }
    newest = only(public, "Custom::NewestRevision")
    assert newest.properties["TaskDefinition"] == {"Ref": definition.logical_id}
    assert newest.logical_id in service.body["DependsOn"]
