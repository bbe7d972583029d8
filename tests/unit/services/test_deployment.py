"""How a new version replaces the old one, what rolls it back, and which settings are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Duration
from aws_cdk.assertions import Template

from pythonbase import Deployment, DeploymentStrategy
from pythonbase.services.deployment import TRAFFIC_CONFLICT
from pythonbase_settings import SettingsError, load_settings
from tests.unit.synthesis import Resource, new_platform, only, platform_stacks, resources, text


def _template(**service: Any) -> Template:
    app = new_platform({"services": [{"name": "orders", "repository": "acme/orders", **service}]})
    return Template.from_stack(platform_stacks(app)["Orders"])


def _configuration(template: Template) -> Any:
    return only(template, "AWS::ECS::Service").properties["DeploymentConfiguration"]


@pytest.fixture(scope="module")
def watched() -> Template:
    return _template(deployment={"alarms": ["orders-latency"], "server_errors": 5})


def _alarm(template: Template) -> Resource:
    return resources(template, "AWS::CloudWatch::Alarm")["ServiceServerErrors"]


def test_by_default_a_deployment_rolls_with_circuit_breaker_and_rollback_and_without_alarms() -> None:
    template = _template()
    assert _configuration(template) == {
        "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
        "MinimumHealthyPercent": 100,
        "MaximumPercent": 200,
    }
    assert not resources(template, "AWS::CloudWatch::Alarm")


def test_alarms_of_the_team_and_the_own_one_roll_a_deployment_back(watched: Template) -> None:
    alarms = _configuration(watched)["Alarms"]
    assert [text(name) for name in alarms["AlarmNames"]] == ["orders-latency", "${ServiceServerErrors}"]
    assert (alarms["Enable"], alarms["Rollback"]) == (True, True)
    assert _configuration(watched)["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}


def test_server_errors_are_a_share_of_the_answers_so_that_traffic_does_not_matter(watched: Template) -> None:
    properties = _alarm(watched).properties
    metrics = {metric["Id"]: metric for metric in properties["Metrics"]}
    (expression,) = [metric["Expression"] for metric in metrics.values() if "Expression" in metric]
    assert expression == "100 * errors / requests"
    for identifier, name in (("errors", "HTTPCode_Target_5XX_Count"), ("requests", "RequestCount")):
        stat = metrics[identifier]["MetricStat"]
        assert (stat["Metric"]["MetricName"], stat["Stat"], stat["Period"]) == (name, "Sum", 60)
        dimensions = {item["Name"]: text(item["Value"]) for item in stat["Metric"]["Dimensions"]}
        assert dimensions == {
            "LoadBalancer": "${ServiceLoadBalancer.LoadBalancerFullName}",
            "TargetGroup": "${ServiceLoadBalancerHttpServiceGroup.TargetGroupFullName}",
        }
    assert (properties["Threshold"], properties["EvaluationPeriods"]) == (5, 3)
    assert properties["ComparisonOperator"] == "GreaterThanThreshold"
    assert properties["TreatMissingData"] == "notBreaching", "no traffic is no error"


def test_a_worker_can_be_deployed_blue_green_with_a_bake_time() -> None:
    configuration = _configuration(
        _template(load_balancer="none", deployment={"strategy": "blue-green", "bake_minutes": 15})
    )
    assert (configuration["Strategy"], configuration["BakeTimeInMinutes"]) == ("BLUE_GREEN", 15)
    assert "DeploymentCircuitBreaker" not in configuration


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("deployment: {strategy: canary}", "strategy: got \"canary\"; use rolling: canary shifts weights"),
        ("deployment: {strategy: linear}", "strategy: got \"linear\"; use rolling: linear shifts weights"),
        ("deployment: {strategy: linear}\n    load_balancer: none", "strategy: got \"linear\"; use rolling"),
        ("deployment: {strategy: blue-green}", "strategy: got \"blue-green\"; use rolling, or load_balancer: none"),
        ("deployment: {strategy: all-at-once}", "strategy: got \"all-at-once\"; use rolling or blue-green"),
        ("deployment: {bake_minutes: 5}", "bake_minutes: got 5; remove it: it is for blue-green"),
        ("deployment: {strategy: blue-green, bake_minutes: 1441}\n    load_balancer: none", "use minutes: 0 to 1440"),
        ("deployment: {server_errors: 0}", "server_errors: got 0; use a percentage: 1 to 99"),
        ("deployment: {server_errors: 100}", "server_errors: got 100; use a percentage: 1 to 99"),
        ("deployment: {server_errors: 5}\n    load_balancer: none", "server_errors: got 5; remove it"),
        ("deployment: {alarms: ['arn:aws:cloudwatch:x']}", "use the name of the alarm"),
        ("deployment: {alarms: [a, a]}", "remove it: services[0].deployment.alarms[0] is the same"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("folder")
def test_a_wrong_deployment_setting_is_one_error_with_its_place_and_reason(service: str, expected: str) -> None:
    error = _refused(service)
    assert error.startswith("platform.yaml:4: services[0].deployment.")
    assert expected in error
    if "weights" in expected:
        assert TRAFFIC_CONFLICT in error


def _refused(service: str) -> str:
    """The single error of a service with these lines."""
    Path("platform.yaml").write_text(f"services:\n  - name: orders\n    repository: acme/orders\n    {service}\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(Path("platform.yaml"))
    assert len(caught.value.problems) == 1, str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("service", "environment", "expected"),
    [
        ("load_balancer: none\n    deployment: {strategy: blue-green}", "load_balancer: public",
         'load_balancer: got "public"; use none, or rolling in services[0].deployment.strategy: ECS shifts weights'),
        ("load_balancer: none\n    deployment: {strategy: blue-green}", "load_balancer: internal",
         'load_balancer: got "internal"; use none, or rolling in services[0].deployment.strategy: ECS shifts weights'),
        ("deployment: {server_errors: 5}", "load_balancer: none",
         'load_balancer: got "none"; use public or internal, or remove services[0].deployment.server_errors: the load'),
        ("port: 80", "alarms: ['arn:aws:cloudwatch:x']",
         'alarms[0]: got "arn:aws:cloudwatch:x"; use the name of the alarm'),
        ("port: 80", "alarms: [a, a]",
         'alarms[1]: got "a"; remove it: services[0].environments[1].alarms[0] is the same'),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("folder")
def test_settings_of_an_environment_are_checked_together_with_the_deployment(
    service: str, environment: str, expected: str
) -> None:
    error = _refused(
        f"{service}\n    environments:\n      - name: staging\n      - name: production\n        {environment}"
    )
    assert f": services[0].environments[1].{expected}" in error
    assert error.startswith(f"platform.yaml:{8 + service.count(chr(10))}: ")
    if "weights" in expected:
        assert TRAFFIC_CONFLICT in error


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("deployment: {strategy: blue-green}", 'strategy: got "blue-green"; use rolling, or load_balancer: none'),
        ("load_balancer: none\n    deployment: {server_errors: 5}", "server_errors: got 5; remove it"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_wrong_setting_that_environments_inherit_is_one_error_in_the_service(service: str, expected: str) -> None:
    error = _refused(f"{service}\n    environments: [{{name: staging}}, {{name: production}}]")
    assert f": services[0].deployment.{expected}" in error


@pytest.mark.parametrize(
    ("service", "load_balancer"),
    [
        ({"deployment": {"strategy": "blue-green"}}, "none"),
        ({"deployment": {"server_errors": 5}, "load_balancer": "none"}, "internal"),
    ],
)
def test_the_load_balancer_is_checked_in_the_environments_and_not_in_the_service(
    service: dict[str, Any], load_balancer: str
) -> None:
    environments = [{"name": "staging", "load_balancer": load_balancer}]
    app = new_platform(
        {"services": [{"name": "orders", "repository": "acme/orders", **service, "environments": environments}]}
    )
    assert only(Template.from_stack(platform_stacks(app)["OrdersStaging"]), "AWS::ECS::Service")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bake_time": Duration.minutes(1)}, "goes with blue-green"),
        ({"strategy": DeploymentStrategy.BLUE_GREEN, "bake_time": Duration.hours(25)}, "at most 24 hours"),
        ({"server_errors": 0}, "from 1 to 99"),
        ({"server_errors": 100}, "from 1 to 99"),
    ],
)
def test_the_construct_refuses_values_out_of_range(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Deployment(**arguments)


def test_the_construct_refuses_blue_green_behind_a_load_balancer_and_errors_without_one() -> None:
    with pytest.raises(ValueError, match="issues/36649"):
        Deployment(strategy=DeploymentStrategy.BLUE_GREEN).check(load_balanced=True)
    with pytest.raises(ValueError, match="needs a load balancer"):
        Deployment(server_errors=5).check(load_balanced=False)
    Deployment(strategy=DeploymentStrategy.BLUE_GREEN).check(load_balanced=False)
    Deployment(server_errors=5).check(load_balanced=True)
