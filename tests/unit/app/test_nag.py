"""AWS Solutions checks over all variants of the application; each acknowledgement is needed and has a reason."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from aws_cdk import Acknowledgment, App, Stack, Validations
from aws_cdk import aws_s3 as s3
from aws_cdk.cx_api import SynthesisMessageLevel
from cdk_nag import AwsSolutionsChecks

from tests.unit.acknowledgements import (
    Acknowledged,
    Bare,
    build_bare,
    findings,
    objection,
    unneeded,
)
from tests.unit.synthesis import ACCOUNT, CONNECTION, REGION, SETTINGS, new_platform

ORDERS: dict[str, Any] = {"name": "orders", "repository": "acme/orders"}
VPC: dict[str, Any] = {
    "id": "vpc-0123456789abcdef0",
    "cidr_block": "10.1.0.0/16",
    "availability_zones": ["eu-central-1a", "eu-central-1b"],
    "private_subnet_ids": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
    "public_subnet_ids": ["subnet-0123456789abcdef2", "subnet-0123456789abcdef3"],
}
SECRETS = {
    "DB_PASSWORD": "orders/db",
    "API_KEY": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:orders/api-AbCdEf",
}

MATRIX: dict[str, dict[str, Any]] = {
    "defaults": SETTINGS,
    "no services": {"services": []},
    "connection created": {"services": [ORDERS]},
    "codestar connection": {
        "bitbucket": {"connection_arn": CONNECTION.replace("codeconnections", "codestar-connections")},
        "services": [ORDERS],
    },
    "nat": {"network": {"nat_gateways": 1}, "services": [ORDERS]},
    "three zones": {"network": {"max_azs": 3}, "services": [ORDERS]},
    "existing vpc, public": {"network": {"vpc": VPC}, "services": [ORDERS]},
    "existing vpc, internal": {"network": {"vpc": VPC}, "services": [{**ORDERS, "load_balancer": "internal"}]},
    "internal": {"services": [{**ORDERS, "load_balancer": "internal"}]},
    "worker": {"services": [{**ORDERS, "load_balancer": "none"}]},
    "secrets": {"services": [{**ORDERS, "secrets": SECRETS}]},
    "environment and secrets": {"services": [{**ORDERS, "environment": {"LOG_LEVEL": "info"}, "secrets": SECRETS}]},
    "mirrors of Docker Hub": {
        "docker_hub": {"official_images": "ecr-public", "other_images": "pull-through-cache"},
        "services": [ORDERS],
    },
    "build statuses": {"bitbucket": {"status_credentials": "bitbucket/statuses"}, "services": [ORDERS]},
    "build statuses by arn": {
        "bitbucket": {
            "connection_arn": CONNECTION,
            "status_credentials": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:bitbucket/statuses-AbCdEf",
        },
        "services": [ORDERS],
    },
    "pull requests": {"services": [{**ORDERS, "pull_requests": True}]},
    "tests and pull requests": {
        "docker_hub": {"official_images": "pull-through-cache"},
        "services": [{**ORDERS, "tags": ["v*"], "paths": ["src/**"], "test": "pytest", "pull_requests": True}],
    },
    "upstream on Docker Hub": {
        "base_images": [
            {"name": "pythonbase", "upstream": "docker.io/library/python:3.13-slim", "upstream_credentials": "hub/ci"}
        ]
    },
    "upstream in a cache": {
        "base_images": [
            {
                "name": "pythonbase",
                "upstream": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/docker-hub/library/python:3.13-slim",
            }
        ]
    },
    "environments": {
        "services": [{**ORDERS, "environments": [{"name": "staging"}, {"name": "production", "approval": True}]}]
    },
    "environments in other accounts and Regions": {
        "environment": {"account": ACCOUNT, "region": REGION},
        "environments": [
            {"name": "staging", "network": {"max_azs": 3}},
            {"name": "production", "account": "222233334444"},
            {"name": "us", "region": "us-east-1", "network": {"nat_gateways": 1}},
        ],
        "services": [
            {**ORDERS, "environments": [{"name": "staging"}, {"name": "production"}, {"name": "us"}]},
            {"name": "api", "repository": "acme/api", "execution_mode": "queued"},
        ],
    },
    "deployment alarms": {"services": [{**ORDERS, "deployment": {"alarms": ["latency"], "server_errors": 5}}]},
    "blue-green worker": {
        "services": [{**ORDERS, "load_balancer": "none", "deployment": {"strategy": "blue-green", "bake_minutes": 5}}]
    },
    "notifications": {
        "notifications": {"topic": f"arn:aws:sns:{REGION}:{ACCOUNT}:releases"},
        "services": [ORDERS],
    },
    "two services, two base images": {
        "base_images": [{"name": "pythonbase"}, {"name": "pythonbase-next", "path": "images/pythonbase"}],
        "services": [ORDERS, {"name": "api", "repository": "acme/api", "base_image": "pythonbase-next"}],
    },
}

BuildApp = Callable[[], App]


@pytest.fixture(scope="module", params=MATRIX)
def build(request: pytest.FixtureRequest) -> BuildApp:
    """Builds the application of one row of the matrix."""
    return partial(new_platform, MATRIX[request.param])


@pytest.fixture(scope="module")
def bare(build: BuildApp) -> Bare:
    return build_bare(build)


def test_the_application_synthesizes_without_findings_and_warnings(build: BuildApp) -> None:
    # The application adds the checks itself, as `cdk synth` runs them: a finding raises here.
    stacks = build().synth().stacks
    assert stacks
    messages = [message for stack in stacks for message in stack.messages]
    assert [message.entry.data for message in messages if message.level is not SynthesisMessageLevel.INFO] == []


def test_every_acknowledgement_is_needed_where_it_is_made(bare: Bare) -> None:
    assert unneeded(bare.made, bare.found) == []


def test_every_acknowledgement_has_a_reason_that_can_be_checked(bare: Bare) -> None:
    assert bare.made
    assert {item: objection(reason) for item, reason in bare.made.items() if objection(reason)} == {}


def test_no_acknowledgement_covers_a_whole_stack(bare: Bare) -> None:
    assert [item for item in bare.made if "/" not in item.path] == []


# -- the detectors detect ----------------------------------------------------------------------------------------------

NEEDED = "AwsSolutions-S1"
REASON = "the bucket of this test never gets an object"


def _bucket(*acknowledged: tuple[str, str], on_stack: bool = False) -> App:
    """An app with a bucket that has findings; some are acknowledged on it, and optionally on its stack."""
    app = App()
    stack = Stack(app, "S")
    bucket = s3.Bucket(stack, "B")
    for construct in (bucket, stack) if on_stack else (bucket,):
        for finding, reason in acknowledged:
            Validations.of(construct).acknowledge(Acknowledgment(id=finding, reason=reason))
    return app


def _unneeded(*acknowledged: tuple[str, str], on_stack: bool = False) -> list[Acknowledged]:
    bare = build_bare(partial(_bucket, *acknowledged, on_stack=on_stack))
    return unneeded(bare.made, bare.found)


def test_a_needed_acknowledgement_is_not_reported() -> None:
    assert _unneeded((NEEDED, REASON)) == []


@pytest.mark.parametrize("stale", ["AwsSolutions-S2", "AwsSolutions-IAM5", "AwsSolutions-S1[x]", "AwsSolutions-EC23"])
def test_a_stale_acknowledgement_is_reported(stale: str) -> None:
    assert _unneeded((NEEDED, REASON), (stale, REASON)) == [Acknowledged("S/B", stale)]


def test_a_second_acknowledgement_of_the_same_finding_is_reported() -> None:
    assert _unneeded((NEEDED, REASON), on_stack=True) == [Acknowledged("S", NEEDED), Acknowledged("S/B", NEEDED)]


def test_an_acknowledgement_covers_its_construct_and_what_is_below() -> None:
    acknowledged = Acknowledged("S/B", NEEDED)
    assert acknowledged.covers("S/B", NEEDED)
    assert acknowledged.covers("S/B/Resource", NEEDED)
    assert not acknowledged.covers("S/Bucket", NEEDED)
    assert not acknowledged.covers("S", NEEDED)
    assert not acknowledged.covers("S/B", "AwsSolutions-S10")


def test_findings_are_seen_when_acknowledgements_are_left_out() -> None:
    bare = build_bare(partial(_bucket, (NEEDED, REASON)))
    assert bare.made == {Acknowledged("S/B", NEEDED): REASON}
    assert {("S/B/Resource", NEEDED), ("S/B/Resource", "AwsSolutions-S10")} <= bare.found
    assert findings(_bucket((NEEDED, REASON))) == bare.found - {("S/B/Resource", NEEDED)}


def test_a_finding_fails_the_synthesis() -> None:
    app = _bucket()
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    with pytest.raises(RuntimeError, match="AwsSolutions-S10"):
        app.synth()


@pytest.mark.parametrize(
    "reason",
    ["", " ", "ok", "not needed here", "false positive in this very construct", "TODO: find out why this is here",
     "we ignore this finding in all of our stacks", "accepted risk of the whole platform team",
     "------------------------------", "https://docs.aws.amazon.com/a/very/long/address/of/a/page"],
)  # fmt: skip
def test_a_reason_that_says_nothing_is_reported(reason: str) -> None:
    assert objection(reason)


def test_an_empty_reason_in_an_app_is_reported() -> None:
    made = build_bare(partial(_bucket, (NEEDED, ""), ("AwsSolutions-S10", REASON))).made
    assert [item.finding for item, reason in made.items() if objection(reason)] == [NEEDED]
