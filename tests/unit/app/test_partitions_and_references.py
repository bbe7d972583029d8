"""No template depends on the partition that it is deployed to, or reads outputs of other stacks more than needed."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from aws_cdk import App, Environment
from aws_cdk.assertions import Template

from pythonbase_settings import Settings
from stacks.platform import add_platform
from tests.unit.app.test_nag import MATRIX
from tests.unit.synthesis import ACCOUNT, CONTEXT, ROOT, new_platform, platform_stacks

# A Region of each partition. In that of China there can be base images only.
REGIONS = {"aws": "eu-central-1", "aws-us-gov": "us-gov-east-1", "aws-cn": "cn-north-1"}
TRUSTING = {"codebuild", "codepipeline", "events", "scheduler", "states", "vpc-flow-logs"}
"""Services that send the account when they assume a role, by their pages on the confused deputy."""


def _settings(partition: str) -> dict[str, Any]:
    region = REGIONS[partition]
    environment = {"environment": {"account": ACCOUNT, "region": region}}
    if partition == "aws-cn":
        return environment
    topic = {"topic": f"arn:aws:sns:{region}:{ACCOUNT}:releases"}
    service = {"name": "orders", "repository": "acme/orders", "pull_requests": True, "tags": ["v*"]}
    return {
        **environment,
        "bitbucket": {"status_credentials": "bitbucket/statuses"},
        **({"notifications": topic} if partition == "aws" else {}),
        "environments": [{"name": "production", "account": "222233334444"}],
        "services": [
            {**service, "environments": [{"name": "staging"}, {"name": "production"}]},
            {**service, "name": "api"},
        ],
    }


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


@pytest.mark.parametrize("partition", REGIONS)
def test_no_template_names_another_partition_than_its_own(partition: str) -> None:
    region = REGIONS[partition]
    app = App(context=CONTEXT)
    model = Settings.model_validate(_settings(partition))
    add_platform(app, model, config=ROOT / "platform.yaml", env=Environment(account=ACCOUNT, region=region))
    for name, stack in platform_stacks(app).items():
        for text in _strings(Template.from_stack(stack).to_json()["Resources"]):
            for named in re.findall(r"arn:(aws[a-z-]*):", text):
                assert named == partition, f"{name}: {text[:200]}"


def _references(template: Any) -> Counter[str]:
    """How often each output of another stack is read."""
    found: Counter[str] = Counter()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if "Fn::GetStackOutput" in value:
                found[json.dumps(value["Fn::GetStackOutput"], sort_keys=True)] += 1
            for item in value.values():
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    walk(template["Resources"])
    return found


ROWS = ("defaults", "internal", "worker", "environments", "deployment alarms", "notifications", "pull requests")


@pytest.mark.parametrize("row", ROWS)
def test_outputs_of_other_stacks_are_read_a_few_times_only(row: str) -> None:
    # CloudFormation reads one with a call of DescribeStacks wherever it stands: aws-cdk#38010.
    most = 0
    for stack in platform_stacks(new_platform(MATRIX[row])).values():
        found = _references(Template.from_stack(stack).to_json())
        often = {reference: count for reference, count in found.items() if count > 1}
        # The connection: in the pipeline, in its tag, in the role of its source; with pull requests the same once more.
        # The subnets: for an internal load balancer and for the tasks.
        assert all("Connection" in reference or "PrivateSubnet" in reference for reference in often), often
        most = max(most, found.total())
    assert 0 < most <= (16 if row == "pull requests" else 13)


@pytest.mark.parametrize("row", ["environments in other accounts and Regions", "tests and pull requests"])
def test_services_assume_roles_for_their_own_account_only(row: str) -> None:
    app = new_platform(MATRIX[row])
    seen = set()
    for name, stack in platform_stacks(app).items():
        for role_id, role in Template.from_stack(stack).find_resources("AWS::IAM::Role").items():
            for statement in role["Properties"]["AssumeRolePolicyDocument"]["Statement"]:
                service = str(statement["Principal"].get("Service", "")).removesuffix(".amazonaws.com")
                is_task = service == "ecs-tasks" and "TaskRole" in role_id
                if service in TRUSTING or is_task:
                    seen.add(service)
                    account = statement.get("Condition", {}).get("StringEquals", {}).get("aws:SourceAccount")
                    assert account == stack.account, f"{name}: {role_id}"
    assert seen == TRUSTING | {"ecs-tasks"}
