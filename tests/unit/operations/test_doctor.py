"""The findings of `pythonbase doctor` for what it has read, and its report."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, CfnResource, Stack
from aws_cdk.assertions import Template

from pythonbase import MOVING_TAG, ReleaseNames
from pythonbase_operations.cli import main
from pythonbase_operations.doctor import declared, documents, texts
from pythonbase_operations.doctor.checks import (
    account,
    base_images,
    bootstrap,
    connection,
    networks,
    pipelines,
    quotas,
    secrets,
    services,
    stacks,
)
from pythonbase_operations.doctor.connection import Connection
from pythonbase_operations.doctor.declared import BaseImage, Elsewhere, NewVpc, Platform, Repository, Secret
from pythonbase_operations.doctor.examination import Examination
from pythonbase_operations.doctor.finding import CannotRunError, Finding, Severity
from pythonbase_operations.doctor.schedules import longest_gap
from pythonbase_operations.names import Names, names_of
from pythonbase_settings.names import stack_name
from tests.unit.synthesis import REGION, ROOT, SETTINGS, new_platform, platform_stacks, text

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
BASE = BaseImage(name="pythonbase", stack="Pythonbase", refresh="rate(1 day)")
ORDERS = Names("orders")


def _platform(**changed: Any) -> Platform:
    plain: dict[str, Any] = {
        "config": "platform.yaml",
        "account": None,
        "region": None,
        "connection_arn": None,
        "connection_name": "pythonbase",
        "base_images": (BASE,),
        "services": (),
        "secrets": (),
        "stacks": {},
    }
    return Platform(**{**plain, **changed})


def _only(findings: list[Finding]) -> Finding:
    (finding,) = findings
    for said in (finding.place, finding.what, finding.fix):
        assert said.isprintable()  # no line ends
        assert said
    return finding


# -- bootstrap ---------------------------------------------------------------------------------------------------------


def test_the_required_bootstrap_version_is_that_of_the_pinned_cdk_library() -> None:
    app = App()
    CfnResource(Stack(app, "S"), "R", type="AWS::SNS::Topic")
    manifest = json.loads((Path(app.synth().directory) / "manifest.json").read_text())
    assert manifest["artifacts"]["S"]["properties"]["requiresBootstrapStackVersion"] == bootstrap.REQUIRED_VERSION


@pytest.mark.parametrize("version", ["6", "30"])
def test_a_bootstrap_that_is_new_enough_gives_no_finding(version: str) -> None:
    assert bootstrap.judge(version, account="1", region="r") == []


@pytest.mark.parametrize(("version", "said"), [(None, "not bootstrapped"), ("5", "version 5"), ("x", "version x")])
def test_a_bootstrap_that_is_missing_or_too_old_is_an_error(version: str | None, said: str) -> None:
    finding = _only(bootstrap.judge(version, account="123456789012", region="eu-west-1"))
    assert said in finding.what
    assert finding.fix == "cdk bootstrap aws://123456789012/eu-west-1"


def test_the_fix_for_another_account_bootstraps_it_with_trust_in_this_one() -> None:
    place = Elsewhere(account="222222222222", region="eu-west-1")
    finding = bootstrap.judge_refused(place, trusted="111111111111", partition="aws", said="AccessDenied: no way")
    assert "does not trust this one: AccessDenied: no way" in _only([finding]).what
    assert "cdk bootstrap aws://222222222222/eu-west-1 --trust 111111111111 " in finding.fix


# -- what blocks a deployment ------------------------------------------------------------------------------------------


def test_a_missing_service_linked_role_of_ecs_is_a_warning() -> None:
    finding = _only(account.judge(is_there=False))
    assert finding.severity is Severity.WARNING
    assert finding.fix == "aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com"
    assert account.judge(is_there=True) == []


def _stack(status: str, *, protected: bool = False) -> dict[str, Any]:
    return {"StackName": "OrdersState", "StackStatus": status, "EnableTerminationProtection": protected}


@pytest.mark.parametrize(
    ("stack", "what", "fix"),
    [
        (
            _stack("ROLLBACK_COMPLETE", protected=True),
            "it is protected, so cdk deploy cannot create it again",
            "--no-enable-termination-protection --stack-name OrdersState, then",
        ),
        (_stack("ROLLBACK_COMPLETE"), "its creation failed (ROLLBACK_COMPLETE)", "and cdk deploy OrdersState"),
        (
            _stack("UPDATE_ROLLBACK_FAILED", protected=True),
            "stuck in UPDATE_ROLLBACK_FAILED",
            "cdk rollback OrdersState",
        ),
        (_stack("DELETE_FAILED"), "stuck in DELETE_FAILED", "delete it again"),
    ],
)
def test_a_failed_stack_has_a_fix(stack: dict[str, Any], what: str, fix: str) -> None:
    finding = _only(stacks.judge(stack))
    assert what in finding.what
    assert fix in finding.fix


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_IN_PROGRESS"])
def test_other_stacks_give_no_finding(status: str) -> None:
    assert stacks.judge(_stack(status, protected=True)) == []


def test_a_repository_without_its_stack_can_be_imported() -> None:
    missing = [Repository(name="orders", stack="OrdersState"), Repository(name="bills", stack="BillsState")]
    finding = _only(stacks.judge_repositories(missing, {"orders", "other"}))
    assert finding.place == "repository orders"
    assert "cdk deploy OrdersState --import-existing-resources" in finding.fix


# -- networks ----------------------------------------------------------------------------------------------------------

ZONES = {"us-west-1a": "usw1-az3", "us-west-1b": "usw1-az2", "us-west-1c": "usw1-az1"}
EVERYWHERE = {"ecr.api": list(ZONES), "logs": list(ZONES)}


def _vpc(*zones: str, max_azs: int = 2) -> NewVpc:
    return NewVpc(
        stack="Network", place="platform.yaml: network", max_azs=max_azs, availability_zones=zones, nat_gateways=0
    )


def test_zones_without_fargate_are_named_with_those_that_have_it() -> None:
    finding = _only(networks.judge(_vpc(), ZONES, EVERYWHERE, with_fargate=("usw1-az1", "usw1-az3")))
    assert (finding.place, finding.what) == ("platform.yaml: network", "the zone us-west-1b (usw1-az2) has no Fargate")
    assert finding.fix == "set availability_zones to some of us-west-1a, us-west-1c"


def test_zones_without_an_endpoint_and_unavailable_zones_are_named() -> None:
    endpoints = {**EVERYWHERE, "ecr.dkr": ["us-west-1b", "us-west-1c"]}
    first, second = networks.judge(_vpc("us-west-1a", "us-west-1d"), ZONES, endpoints, with_fargate=None)
    assert first.place == second.place == "platform.yaml: network.availability_zones"
    assert first.what == "the zone us-west-1a has no VPC endpoint of ecr.dkr"
    assert second.what == "the zone us-west-1d is not available in this account"
    assert first.fix == "set availability_zones to some of us-west-1b, us-west-1c"


def test_more_zones_than_the_account_has_are_an_error() -> None:
    two = {name: ZONES[name] for name in ("us-west-1a", "us-west-1c")}
    finding = _only(networks.judge(_vpc(max_azs=3), two, {}, with_fargate=None))
    assert finding.what == "max_azs is 3, but the account has 2 zones: us-west-1a, us-west-1c"
    assert finding.fix == "set max_azs to 2"


def test_zones_that_have_everything_give_no_finding() -> None:
    assert networks.judge(_vpc(), ZONES, EVERYWHERE, with_fargate=None) == []


def test_the_checked_endpoints_are_those_of_the_network() -> None:
    app = new_platform(SETTINGS)
    template = Template.from_stack(platform_stacks(app)["Network"])
    services = {
        text(endpoint["Properties"]["ServiceName"]).split(f"{REGION}.", 1)[1]
        for endpoint in template.find_resources("AWS::EC2::VPCEndpoint").values()
        if endpoint["Properties"]["VpcEndpointType"] == "Interface"
    }
    assert services == set(networks.ENDPOINTS)


# -- connection --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "says", "advises"),
    [("PENDING", "PENDING", "Update pending connection"), ("ERROR", "ERROR", "install its app in Bitbucket again")],
)
def test_a_connection_that_is_not_available_says_where_to_click(status: str, says: str, advises: str) -> None:
    found = Connection(name="pythonbase", status=status)
    finding = _only(connection.judge(found, _platform(), region="eu-west-1"))
    assert says in finding.what
    assert "https://eu-west-1.console.aws.amazon.com/codesuite/settings/connections" in finding.fix
    assert advises in finding.fix


def test_the_console_of_govcloud_has_another_address() -> None:
    found = Connection(name="pythonbase", status="PENDING")
    finding = _only(connection.judge(found, _platform(), region="us-gov-east-1", partition="aws-us-gov"))
    assert "https://us-gov-east-1.console.amazonaws-us-gov.com/codesuite/settings/connections" in finding.fix


def test_an_available_connection_gives_no_finding() -> None:
    found = Connection(name="pythonbase", status="AVAILABLE")
    assert connection.judge(found, _platform(), region="eu-west-1") == []


def test_a_missing_connection_is_created_or_named() -> None:
    assert _only(connection.judge(None, _platform(), region="r")).fix == "cdk deploy Bitbucket"
    named = _only(connection.judge(None, _platform(connection_arn="arn:x"), region="r"))
    assert (named.place, named.what) == ("platform.yaml: bitbucket.connection_arn", "there is no connection arn:x")


# -- pipelines ---------------------------------------------------------------------------------------------------------


def _state(stage: str, status: str, message: str = "it broke") -> dict[str, Any]:
    """A pipeline with two stages, of which one has this status and the other succeeded."""
    return {
        "pipelineName": "orders",
        "stageStates": [
            {
                "stageName": name,
                "latestExecution": {"pipelineExecutionId": f"id-{name}", "status": state},
                "actionStates": [
                    {
                        "actionName": f"Do{name}",
                        "latestExecution": {"status": state, "errorDetails": {"message": message}},
                    }
                ],
            }
            for name, state in (("Source", "Succeeded"), ("Build", "Succeeded"))
            for state in [status if name == stage else state]
        ],
    }


AVAILABLE = Connection(name="pythonbase", status="AVAILABLE")
PENDING = Connection(name="pythonbase", status="PENDING")


def test_a_failed_stage_is_named_with_its_action_and_its_reason() -> None:
    finding = _only(pipelines.judge(_state("Build", "Failed", "exit status 1\nin line 7"), AVAILABLE))
    assert finding.place == "pipeline orders"
    assert finding.what == r"stage Build failed in DoBuild: exit status 1\nin line 7"
    assert "--stage-name Build --pipeline-execution-id id-Build" in finding.fix


@pytest.mark.parametrize("found", [None, PENDING])
def test_a_source_that_failed_because_of_the_connection_is_retried_automatically(
    found: Connection | None,
) -> None:
    finding = _only(pipelines.judge(_state("Source", "Failed"), found))
    assert "because the connection is not available" in finding.what
    assert "retried automatically" in finding.fix


def test_a_failed_source_with_an_available_connection_gives_its_own_reason() -> None:
    finding = _only(pipelines.judge(_state("Source", "Failed", "no such branch"), AVAILABLE))
    assert finding.what == "stage Source failed in DoSource: no such branch"


def test_another_failed_stage_gives_its_own_reason_whatever_the_connection_is() -> None:
    assert "it broke" in _only(pipelines.judge(_state("Build", "Failed"), PENDING)).what


@pytest.mark.parametrize("status", ["Succeeded", "InProgress", "Stopped", "Cancelled"])
def test_a_stage_that_did_not_fail_gives_no_finding(status: str) -> None:
    assert pipelines.judge(_state("Build", status), AVAILABLE) == []


def test_a_pipeline_that_never_ran_gives_no_finding() -> None:
    state = {"pipelineName": "orders", "stageStates": [{"stageName": "Source", "actionStates": []}]}
    assert pipelines.judge(state, AVAILABLE) == []


# -- base images -------------------------------------------------------------------------------------------------------


def test_the_moving_tag_is_that_of_the_constructs() -> None:
    assert base_images.MOVING_TAG == MOVING_TAG


@pytest.mark.parametrize(
    ("error", "project", "fix"),
    [
        ("RepositoryNotFoundException", None, "cdk deploy Pythonbase"),
        ("RepositoryNotFoundException", "p", "cdk deploy Pythonbase --revert-drift"),
        ("ImageNotFoundException", None, "cdk deploy Pythonbase"),
        ("ImageNotFoundException", "p", "aws codebuild start-build --project-name p"),
    ],
)
def test_a_missing_base_image_has_a_fix(error: str, project: str | None, fix: str) -> None:
    assert _only(base_images.judge_image(BASE, error, project)).fix == fix


def test_an_existing_base_image_gives_no_finding() -> None:
    assert base_images.judge_image(BASE, None, "p") == []


def _build(status: str, *, hours_ago: float = 1, **more: Any) -> dict[str, Any]:
    return {"id": "p:1", "buildStatus": status, "startTime": NOW - timedelta(hours=hours_ago), **more}


@pytest.mark.parametrize(("hours", "is_late"), [(1, False), (47.9, False), (48.1, True), (500, True)])
def test_a_refresh_is_late_after_twice_its_schedule(hours: float, is_late: bool) -> None:
    found = base_images.judge_refresh(BASE, "p", _build("SUCCEEDED", hours_ago=hours), now=NOW)
    assert bool(found) is is_late
    assert not found or "its schedule is rate(1 day)" in _only(found).what


@pytest.mark.parametrize("status", ["FAILED", "FAULT", "TIMED_OUT", "STOPPED"])
def test_a_failed_refresh_is_an_error_with_its_reason(status: str) -> None:
    phases = [
        {"phaseType": "INSTALL", "phaseStatus": "SUCCEEDED"},
        {"phaseType": "BUILD", "phaseStatus": "FAILED", "contexts": [{"message": "exit status 1"}]},
    ]
    build = _build(status, phases=phases, logs={"deepLink": "https://logs"})
    finding = _only(base_images.judge_refresh(BASE, "p", build, now=NOW))
    assert finding.what == f"its last build ended {status}: BUILD: exit status 1"
    assert finding.fix == "read https://logs, then: aws codebuild start-build --project-name p"


def test_a_base_image_that_was_never_built_is_an_error() -> None:
    assert "never built" in _only(base_images.judge_refresh(BASE, "p", None, now=NOW)).what


def test_a_refresh_in_progress_gives_no_finding() -> None:
    assert base_images.judge_refresh(BASE, "p", _build("IN_PROGRESS"), now=NOW) == []


@pytest.mark.parametrize(
    ("expression", "days"),
    [
        ("rate(60 minutes)", 1 / 24),
        ("rate(12 hours)", 0.5),
        ("rate(3 days)", 3),
        ("cron(0 3 * * ? *)", 1),
        ("cron(0 3,15 ? * * *)", 1),
        ("cron(0 3 ? * MON *)", 7),
        ("cron(0 3 ? * MON-FRI *)", 7),
        ("cron(0 3 ? * MON#1 *)", 35),
        ("cron(0 3 ? * 6L *)", 35),
        ("cron(0 3 1 * ? *)", 31),
        ("cron(0 3 1 JAN ? *)", 366),
    ],
)
def test_the_longest_time_between_two_refreshes(expression: str, days: float) -> None:
    assert longest_gap(expression) == timedelta(days=days)


def test_an_expression_that_is_not_a_schedule_is_refused() -> None:
    with pytest.raises(ValueError, match="must be rate"):
        longest_gap("at(2026-01-01T00:00:00)")


# -- secrets -----------------------------------------------------------------------------------------------------------

SECRET = Secret(reference="orders/db", place="platform.yaml: services[0].secrets.DB")


def test_a_missing_secret_and_one_that_is_scheduled_for_deletion_have_a_fix() -> None:
    absent = _only(secrets.judge(SECRET, None))
    assert (absent.place, absent.what) == (SECRET.place, "there is no secret orders/db")
    assert absent.fix == "aws secretsmanager create-secret --name orders/db --secret-string file://value.txt"
    going = _only(secrets.judge(SECRET, {"DeletedDate": NOW}))
    assert going.fix == "aws secretsmanager restore-secret --secret-id orders/db"


def test_a_secret_that_exists_gives_no_finding() -> None:
    assert secrets.judge(SECRET, {"Name": "orders/db"}) == []


def test_a_secret_named_by_arn_is_not_created_by_name() -> None:
    secret = Secret(reference="arn:aws:secretsmanager:r:1:secret:x-AbCdEf", place="p")
    assert "create-secret" not in _only(secrets.judge(secret, None)).fix


# -- services ----------------------------------------------------------------------------------------------------------


def _service(**changed: Any) -> dict[str, Any]:
    return {
        "clusterArn": "arn:aws:ecs:r:1:cluster/main",
        "deployments": [{}],
        "desiredCount": 1,
        "runningCount": 1,
        "events": [{"message": "(service orders) cannot pull"}],
        **changed,
    }


def _judge(*, running: str = "image@1", recorded: str | None = "image@1", **changed: Any) -> list[Finding]:
    return services.judge(ORDERS, _service(**changed), running=running, recorded=recorded, stack="Orders")


def test_a_service_that_runs_the_recorded_image_gives_no_finding() -> None:
    assert _judge() == []


def test_a_service_that_runs_another_image_is_an_error() -> None:
    assert _only(_judge(running="image@2")).what == "it runs image@2, but image@1 is recorded"


def test_during_a_deployment_the_running_image_may_differ_from_the_record() -> None:
    assert _judge(running="image@2", deployments=[{}, {}], runningCount=0) == []


def test_a_service_without_tasks_gives_the_reason_of_ecs() -> None:
    finding = _only(_judge(runningCount=0))
    assert finding.what == "no task runs: (service orders) cannot pull"
    assert "--cluster main --service orders" in finding.fix
    assert _judge(runningCount=0, desiredCount=0) == []


def test_a_service_without_its_record_is_an_error() -> None:
    finding = _only(_judge(recorded=None))
    assert "/pythonbase/services/orders/image" in finding.what
    put = "aws ssm put-parameter --type String --name /pythonbase/services/orders/image --value image@1"
    assert finding.fix == put  # without --overwrite: a record that a release has written meanwhile stays


def test_the_fix_for_a_placeholder_in_the_record_is_the_running_release() -> None:
    finding = _only(_judge(running="orders@sha256:1", recorded="pythonbase:latest"))
    assert "which is not a release" in finding.what
    assert finding.fix.endswith("--value orders@sha256:1 --overwrite")


def test_names_are_those_that_the_constructs_give() -> None:
    assert ORDERS.image_parameter == ReleaseNames("orders").image_parameter
    assert names_of("orders") == (ORDERS,)
    staging, production = names_of("orders-api", ["staging", "production"])
    assert (staging.deployed, stack_name(staging.deployed)) == ("orders-api-staging", "OrdersApiStaging")
    assert production.image_parameter == "/pythonbase/services/orders-api/production/image"


# -- quotas ------------------------------------------------------------------------------------------------------------


def _limit(quota: quotas.Quota, value: float, *, known: bool = True) -> quotas.Limit:
    return quotas.Limit(quota=quota, value=value, known=known)


@pytest.mark.parametrize("value", [0, 0.5])
def test_a_quota_of_no_builds_is_an_error(value: float) -> None:
    finding = _only(quotas.judge_builds(_limit(quotas.BUILDS, value), builds=1))
    assert finding.severity is Severity.ERROR
    assert "every build fails to start" in finding.what
    assert "--service-code codebuild --quota-code L-9D07B6EF" in finding.fix


@pytest.mark.parametrize(
    ("value", "builds", "is_short"), [(1, 1, False), (1, 2, True), (60, 60, False), (60, 61, True)]
)
def test_more_builds_than_may_run_at_once_are_a_warning(value: float, builds: int, is_short: bool) -> None:
    found = quotas.judge_builds(_limit(quotas.BUILDS, value), builds=builds)
    assert [item.severity for item in found] == ([Severity.WARNING] if is_short else [])


@pytest.mark.parametrize(("present", "more", "fits"), [(990, 10, True), (990, 11, False), (1001, 0, False)])
def test_new_pipelines_must_fit_beside_existing_ones(present: int, more: int, fits: bool) -> None:
    found = quotas.judge_room(_limit(quotas.PIPELINES, 1000, known=False), present=present, more=more)
    assert (not found) is fits
    if found:
        assert "it is 1000 by the documented default;" in _only(found).what
        assert "AWS Support" in found[0].fix


def test_a_value_says_whether_it_is_the_accounts_own() -> None:
    assert _limit(quotas.RULES, 250).text == "250"
    assert _limit(quotas.RULES, 300, known=False).text == (
        "300 by the documented default; Service Quotas did not return the account's value"
    )


@pytest.mark.parametrize(("count", "is_near"), [(450, False), (451, True)])
def test_a_stack_that_is_nearly_full_is_a_warning(count: int, is_near: bool) -> None:
    found = quotas.judge_resources("Orders", count)
    assert [item.severity for item in found] == ([Severity.WARNING] if is_near else [])


# -- the configuration -------------------------------------------------------------------------------------------------

CONFIG = f"""\
environment: {{account: "123456789012", region: eu-west-1}}
base_images:
  - name: pythonbase
    path: {ROOT}/images/pythonbase
    upstream_credentials: hub/ci
services:
  - name: orders-api
    repository: acme/orders
    secrets: {{DB: orders/db}}
"""


def test_the_configuration_says_what_should_exist(tmp_path: Path) -> None:
    config = tmp_path / "platform.yaml"
    config.write_text(CONFIG)
    platform = declared.load(config)
    assert (platform.account, platform.region, platform.connection_name) == ("123456789012", "eu-west-1", "pythonbase")
    assert [(base.name, base.stack) for base in platform.base_images] == [("pythonbase", "Pythonbase")]
    assert platform.stacks == {Names("orders-api"): "OrdersApi"}
    assert {secret.reference: secret.place for secret in platform.secrets} == {
        "hub/ci": f"{config}: base_images[0].upstream_credentials",
        "orders/db": f"{config}: services[0].secrets.DB",
    }


def _secrets_of(config: Path, text: str) -> set[str]:
    config.write_text(f'environment: {{account: "123456789012", region: eu-west-1}}\n{text}')
    return {secret.place.removeprefix(f"{config}: ") for secret in declared.load(config).secrets}


def test_the_secret_for_build_statuses_is_needed_where_there_are_builds(folder: Path) -> None:
    config, credentials = folder / "platform.yaml", "bitbucket: {status_credentials: bitbucket/statuses}\n"
    service = "services: [{name: orders, repository: acme/orders}]\n"
    assert _secrets_of(config, credentials + service) == {"bitbucket.status_credentials"}
    assert _secrets_of(config, credentials) == set()


@pytest.mark.parametrize(
    ("environments", "is_read"),
    [
        ("[{name: elsewhere}]", False),
        ("[{name: far}]", False),
        ("[{name: elsewhere}, {name: staging}]", True),
        ("[{name: elsewhere}, {name: staging, environment: {DB: none}}]", False),
        ("[{name: staging, environment: {DB: none}}, {name: production}]", True),
        ("[]", True),
    ],
)
def test_a_services_own_secret_is_needed_where_it_is_read(environments: str, is_read: bool, folder: Path) -> None:
    places = """environments:
  - {name: elsewhere, account: "210987654321"}
  - {name: far, region: us-east-1, network: {nat_gateways: 1}}
"""
    service = "services:\n  - {name: orders, repository: acme/orders, secrets: {DB: a/b}, environments: %s}\n"
    found = _secrets_of(folder / "platform.yaml", places + service % environments)
    assert found == ({"services[0].secrets.DB"} if is_read else set())


def test_with_a_prefix_it_looks_for_the_names_that_are_in_aws(folder: Path) -> None:
    config = folder / "platform.yaml"
    config.write_text("prefix: shop\nservices: [{name: orders, repository: acme/orders}]\n")
    platform = declared.load(config)
    assert ({*platform.networks.values()}, platform.bitbucket_stack) == ({"ShopNetwork"}, "ShopBitbucket")
    assert [(item.name, item.stack) for item in platform.services] == [("shop-orders", "ShopOrders")]
    assert [item.name for item in platform.base_images] == ["shop-pythonbase"]


def test_a_wrong_configuration_ends_with_the_message_of_the_application(tmp_path: Path) -> None:
    config = tmp_path / "platform.yaml"
    config.write_text("services: [{name: orders, repository: acme/orders, port: 99999}]")
    with pytest.raises(CannotRunError, match="got 99999; use a port from 1 to 65535"):
        declared.load(config)


# -- the command -------------------------------------------------------------------------------------------------------


def _found(*findings: Finding) -> Examination:
    return Examination(
        config="platform.yaml", account="123456789012", region="eu-west-1", findings=findings, seconds=1.25
    )


WARNING = Finding(place="stack Orders", what="it is large", fix="make it smaller", severity=Severity.WARNING)
ERROR = Finding(place="connection pythonbase", what="PENDING", fix="click")


def test_the_text_has_the_fix_below_each_finding_and_counts_them() -> None:
    assert texts.render(_found(ERROR, WARNING)) == (
        "error    connection pythonbase: PENDING\n"
        "         fix: click\n"
        "warning  stack Orders: it is large\n"
        "         fix: make it smaller\n"
        "1 error, 1 warning in account 123456789012, eu-west-1 (1.2 s)\n"
    )


def test_the_document_has_everything_that_the_text_has() -> None:
    document = json.loads(documents.render(_found(WARNING)))
    assert document["good"] is False
    assert document["findings"] == [
        {"place": "stack Orders", "what": "it is large", "fix": "make it smaller", "severity": "warning"}
    ]


def test_only_errors_change_the_exit_code() -> None:
    assert _found(WARNING).errors == 0
    assert _found(WARNING, ERROR).errors == 1


def test_without_a_configuration_it_cannot_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--config", "nope.yaml"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "pythonbase doctor: nope.yaml: no such file; name the configuration with --config\n"


def test_without_a_region_it_cannot_run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    assert main(["doctor", "--config", str(ROOT / "platform.yaml")]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("pythonbase doctor: no Region")
    assert len(captured.err.splitlines()) == 1


def test_without_credentials_it_cannot_run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert main(["doctor", "--config", str(ROOT / "platform.yaml")]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("pythonbase doctor: no AWS credentials")
    assert len(captured.err.splitlines()) == 1


def test_outside_the_application_it_says_where_to_run(tmp_path: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("pythonbase"), "doctor"],
        cwd=tmp_path,
        text=True,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == ("pythonbase doctor: no application found; run this in the folder with app.py and stacks/\n")


def test_doctor_needs_no_cdk_library() -> None:
    code = (
        "import pathlib, sys; from pythonbase_operations.doctor import command, declared; "
        "declared.load(pathlib.Path('platform.yaml')); sys.exit('aws_cdk' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, timeout=60).returncode == 0


def test_settings_that_a_release_has_lost_are_found_although_cdk_diff_is_empty() -> None:
    arn = "arn:aws:ecs:eu-central-1:111122223333:task-definition/orders"
    finding = services._lost_template(ORDERS, f"{arn}:7", f"{arn}:8", "Orders")
    assert finding.what.startswith("it runs the settings of orders:7, but the stack Orders has deployed orders:8")
    machine = "arn:aws:states:eu-central-1:111122223333:stateMachine:orders-release"
    assert f"--state-machine-arn {machine} " in finding.fix
    assert json.loads(finding.fix.partition("--input ")[2].strip("'")) == {"template": f"{arn}:8"}
