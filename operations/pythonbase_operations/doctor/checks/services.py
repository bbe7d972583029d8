"""Whether the declared services are deployed, and run the recorded image."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from pythonbase_operations.doctor import stacks
from pythonbase_operations.doctor.aws import Aws, code_of, side_by_side
from pythonbase_operations.doctor.declared import Platform
from pythonbase_operations.doctor.finding import Finding
from pythonbase_operations.names import Names
from pythonbase_operations.printing import one_line

_TEMPLATE_TAG = "pythonbase:template"
"""Tag of a revision that a release or a deployment registered; its value is the template's revision behind it."""

EcsService = Mapping[str, Any]


def check(aws: Aws, platform: Platform) -> list[Finding]:
    """Read stacks, services and recorded images."""

    def one(target: Names) -> list[Finding]:
        name = platform.stacks[target]
        stack = stacks.stack(aws, name)
        arns = stack.physical_ids("AWS::ECS::Service") if stack else []
        if not arns:
            return [_not_deployed(target, name, exists=stack is not None)]
        service = _service(aws, arns[0])
        if service is None:
            what = f"the stack {name} has it, but ECS does not"
            return [Finding(place=f"service {target.deployed}", what=what, fix=f"cdk deploy {name} --revert-drift")]
        (running, template), recorded = _revision(aws, service["taskDefinition"]), _recorded(aws, target)
        findings = judge(target, service, running=running, recorded=recorded, stack=name)
        declared = stack.physical_ids("AWS::ECS::TaskDefinition") if stack else []
        if not findings and declared and len(service["deployments"]) == 1 and template != declared[0]:
            return [_lost_template(target, template, declared[0], name)]
        return findings

    targets = [target for service in platform.services for target in service.targets]
    return [finding for found in side_by_side(one, targets) for finding in found]


def _record(target: Names, image: str) -> str:
    """The command that records the running image. Without --overwrite, it does not change an existing record."""
    return f"aws ssm put-parameter --type String --name {target.image_parameter} --value {image}"


def _not_deployed(target: Names, stack: str, *, exists: bool) -> Finding:
    what = f"the stack {stack} has no service: its deployment failed" if exists else "it is declared but not deployed"
    return Finding(place=f"service {target.deployed}", what=what, fix=f"cdk deploy {stack}")


def _service(aws: Aws, arn: str) -> EcsService | None:
    # arn:aws:ecs:<region>:<account>:service/<cluster>/<name>
    cluster = arn.split("/")[1]
    found = aws.client("ecs").describe_services(cluster=cluster, services=[arn])["services"]
    return next((service for service in found if service["status"] == "ACTIVE"), None)


def _revision(aws: Aws, task_definition: str) -> tuple[str, str]:
    """The image of the first container, which is the service's own, and the revision of the template behind it."""
    found = aws.client("ecs").describe_task_definition(taskDefinition=task_definition, include=["TAGS"])
    template = next((tag["value"] for tag in found.get("tags", []) if tag["key"] == _TEMPLATE_TAG), None)
    definition = found["taskDefinition"]
    return str(definition["containerDefinitions"][0]["image"]), str(template or definition["taskDefinitionArn"])


def _lost_template(target: Names, runs: str, declared: str, stack: str) -> Finding:
    """A release used an older template than the stack has deployed, and CloudFormation does not know it."""
    machine = declared.replace(":ecs:", ":states:").partition(":task-definition/")[0]
    given = json.dumps({"template": declared}, separators=(",", ":"))
    return Finding(
        place=f"service {target.deployed}",
        what=f"it runs the settings of {_short(runs)}, but the stack {stack} has deployed {_short(declared)}; cdk diff "
        "does not show this",
        fix=f"aws stepfunctions start-execution --state-machine-arn {machine}:stateMachine:{target.state_machine} "
        f"--input '{given}'",
    )


def _short(revision: str) -> str:
    return revision.rpartition("/")[2]


def _recorded(aws: Aws, target: Names) -> str | None:
    try:
        return str(aws.client("ssm").get_parameter(Name=target.image_parameter)["Parameter"]["Value"])
    except ClientError as error:
        if code_of(error) == "ParameterNotFound":
            return None
        raise


def judge(target: Names, service: EcsService, *, running: str, recorded: str | None, stack: str) -> list[Finding]:
    """The problems of a service that exists.

    Args:
        target: Its names.
        service: What DescribeServices returns.
        running: The image that its task definition names.
        recorded: The image that is recorded as released; None: the record is missing.
        stack: The service's stack.
    """
    place = f"service {target.deployed}"
    if recorded is None:
        what = f"its record {target.image_parameter} does not exist"
        return [Finding(place=place, what=what, fix=_record(target, running))]
    if len(service["deployments"]) > 1:  # a release or a deployment is in progress
        return []
    findings = []
    if "@" in running and "@" not in recorded:
        what = f"it runs the release {running}, but {recorded} is recorded, which is not a release"
        findings.append(Finding(place=place, what=what, fix=f"{_record(target, running)} --overwrite"))
    elif running != recorded:
        what = f"it runs {running}, but {recorded} is recorded"
        fix = f"release the running image again with its pipeline; cdk deploy {stack} would deploy the recorded one"
        findings.append(Finding(place=place, what=what, fix=fix))
    if service["desiredCount"] and not service["runningCount"]:
        event = next((item["message"] for item in service.get("events") or []), "ECS gives no reason")
        cluster = service["clusterArn"].rsplit("/", 1)[-1]
        again = f"aws ecs update-service --cluster {cluster} --service {target.deployed} --force-new-deployment"
        fix = f"fix this cause; ECS keeps retrying; to retry at once: {again}"
        findings.append(Finding(place=place, what=one_line(f"no task runs: {event}"), fix=fix))
    return findings
