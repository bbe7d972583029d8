"""Runs all checks in parallel."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pythonbase_operations.doctor.aws import Aws
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
from pythonbase_operations.doctor.declared import Platform
from pythonbase_operations.doctor.finding import CannotRunError, Finding, Severity
from pythonbase_operations.printing import one_line

Check = Callable[[Aws, Platform], list[Finding]]

CHECKS: dict[str, Check] = {
    "CDK bootstrap": bootstrap.check,
    "account": account.check,
    "stacks": stacks.check,
    "networks": networks.check,
    "connection": connection.check,
    "base images": base_images.check,
    "services": services.check,
    "pipelines": pipelines.check,
    "secrets": secrets.check,
    "quotas": quotas.check,
}
"""The checks, in the order of the report: causes first."""


@dataclass(frozen=True, kw_only=True)
class Examination:
    """What was examined and found."""

    config: str
    account: str
    region: str
    findings: tuple[Finding, ...]
    seconds: float

    @property
    def errors(self) -> int:
        """Findings that are errors."""
        return sum(1 for finding in self.findings if finding.severity is Severity.ERROR)


def examine(platform: Platform) -> Examination:
    """Examine the platform with the caller's credentials.

    Raises:
        CannotRunError: if there are no credentials, or they are of another account than the configuration's.
    """
    started = time.monotonic()
    aws = Aws(platform.region)
    if platform.account and platform.account != aws.account:
        raise CannotRunError(
            f"the credentials are of account {aws.account}, but {platform.config} names {platform.account}; use others"
        )
    with ThreadPoolExecutor(max_workers=len(CHECKS)) as pool:
        runs = [pool.submit(_run, name, check, aws, platform) for name, check in CHECKS.items()]
        findings = [finding for run in runs for finding in run.result()]
    return Examination(
        config=platform.config,
        account=aws.account,
        region=aws.region,
        findings=tuple(findings),
        seconds=time.monotonic() - started,
    )


def _run(name: str, check: Check, aws: Aws, platform: Platform) -> list[Finding]:
    """Run one check. An AWS error is a finding: a check that did not run must not count as good."""
    try:
        return check(aws, platform)
    except ClientError as error:
        return [_not_checked(name, error, fix=_allow(error))]
    except BotoCoreError as error:
        return [_not_checked(name, error, fix="check the network connection, and try again")]


def _not_checked(name: str, error: Exception, *, fix: str) -> Finding:
    return Finding(place=name, what=one_line(f"cannot be checked: {error}"), fix=fix)


def _allow(error: Any) -> str:
    denied = "AccessDenied" in str(error.response.get("Error", {}).get("Code"))
    return f"allow {error.operation_name} to the caller" if denied else "fix the cause that AWS names, or try again"
