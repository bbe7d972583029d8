"""Whether something blocks a deployment: failed stacks, and names that are already in use."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pythonbase_operations.doctor.aws import Aws
from pythonbase_operations.doctor.declared import Platform, Repository
from pythonbase_operations.doctor.finding import Finding

_NEVER_CREATED = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED")
_STUCK = ("UPDATE_ROLLBACK_FAILED", "DELETE_FAILED")
_NOT_THERE = (*_NEVER_CREATED, "DELETE_COMPLETE", "REVIEW_IN_PROGRESS")


def check(aws: Aws, platform: Platform) -> list[Finding]:
    """Read the status of all stacks, and which repositories exist."""
    wanted = {*platform.all_stacks}
    found = {
        stack["StackName"]: stack
        for stack in aws.pages("cloudformation", "describe_stacks", "Stacks")
        if stack["StackName"] in wanted
    }
    findings = [finding for stack in found.values() for finding in judge(stack)]
    there = {name for name, stack in found.items() if stack["StackStatus"] not in _NOT_THERE}
    missing = [repository for repository in platform.repositories if repository.stack not in there]
    if not missing:
        return findings
    repositories = {item["repositoryName"] for item in aws.pages("ecr", "describe_repositories", "repositories")}
    return [*findings, *judge_repositories(missing, repositories)]


def judge(stack: Mapping[str, Any]) -> list[Finding]:
    """What a stack's status means for the next deployment."""
    name, status = stack["StackName"], stack["StackStatus"]
    place = f"stack {name}"
    if status in _NEVER_CREATED and stack.get("EnableTerminationProtection"):
        # The CDK CLI protects a stack before it creates the resources, and deletes a stack whose creation failed.
        what = f"its creation failed ({status}), and it is protected, so cdk deploy cannot create it again"
        fix = (
            f"aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name {name}, "
            f"then fix the cause in its events, and cdk deploy {name}"
        )
        return [Finding(place=place, what=what, fix=fix)]
    if status in _NEVER_CREATED:
        fix = f"fix the cause in its events, and cdk deploy {name}, which deletes it and creates it again"
        return [Finding(place=place, what=f"its creation failed ({status})", fix=fix)]
    if status in _STUCK:
        fix = f"fix the cause in its events; then cdk rollback {name}" if status == _STUCK[0] else "delete it again"
        return [Finding(place=place, what=f"it is stuck in {status}", fix=fix)]
    return []


def judge_repositories(missing: list[Repository], existing: Collection[str]) -> list[Finding]:
    """Repositories that exist although the stack that creates them does not."""
    return [
        Finding(
            place=f"repository {repository.name}",
            what=f"it exists, but the stack {repository.stack} that would create it does not",
            fix=f"import it with cdk deploy {repository.stack} --import-existing-resources, and then apply the "
            f"template's settings with cdk deploy {repository.stack} --revert-drift",
        )
        for repository in missing
        if repository.name in existing
    ]
