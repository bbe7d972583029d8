"""Whether the configuration fits into the account's quotas."""

from __future__ import annotations

from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from pythonbase_operations.doctor import stacks
from pythonbase_operations.doctor.aws import Aws, side_by_side
from pythonbase_operations.doctor.declared import Platform
from pythonbase_operations.doctor.finding import Finding, Severity

STACK_RESOURCES = 500
"""Resources of a stack; fixed: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
_NEARLY = 0.9


WATCHES = 2
"""Rules of the stack Bitbucket: failed sources, and failed builds."""


@dataclass(frozen=True, kw_only=True)
class Quota:
    """A quota of an account in a Region.

    Args:
        name: What it limits.
        service: Service code in Service Quotas.
        code: Quota code there; None: Service Quotas is not called.
        default: The documented default, used if Service Quotas returns no value.
    """

    name: str
    service: str
    code: str | None
    default: float


PIPELINES = Quota(
    # https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html: raised by a support case
    name="pipelines per Region",
    service="codepipeline",
    code=None,
    default=1000,
)
BUILDS = Quota(
    # https://docs.aws.amazon.com/codebuild/latest/userguide/limits.html; the projects' compute type is Linux/Small
    name="builds that run at once (Linux/Small)",
    service="codebuild",
    code="L-9D07B6EF",
    default=1,
)
RULES = Quota(
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html: 100 in some Regions, 300 in most
    name="EventBridge rules per bus",
    service="events",
    code="L-244521F2",
    default=300,
)


@dataclass(frozen=True, kw_only=True)
class Limit:
    """The value of a quota, and whether it is from Service Quotas."""

    quota: Quota
    value: float
    known: bool

    @property
    def text(self) -> str:
        """The value and where it is from."""
        if self.known:
            return f"{self.value:g}"
        asked = "; Service Quotas did not return the account's value" if self.quota.code else ""
        return f"{self.value:g} by the documented default{asked}"

    @property
    def fix(self) -> str:
        """How to get more."""
        quota = self.quota
        if quota.code is None:
            return f"ask AWS Support for more {quota.name}"
        return (
            f"aws service-quotas request-service-quota-increase --service-code {quota.service} "
            f"--quota-code {quota.code} --desired-value N"
        )


def check(aws: Aws, platform: Platform) -> list[Finding]:
    """Read quotas and what is used of them."""
    reads = [
        lambda: _pipelines(aws, platform),
        lambda: judge_builds(_limit(aws, BUILDS), builds=len(platform.services) + len(platform.base_images)),
        lambda: _rules(aws, platform),
        lambda: _resources(aws, platform),
    ]
    return [finding for found in side_by_side(lambda read: read(), reads) for finding in found]


def _limit(aws: Aws, quota: Quota) -> Limit:
    """The account's own value, else AWS's default for the Region, else the documented one."""
    client = aws.client("service-quotas")
    for read in (client.get_service_quota, client.get_aws_default_service_quota) if quota.code else ():
        try:
            value = read(ServiceCode=quota.service, QuotaCode=quota.code)["Quota"]["Value"]
        except (ClientError, BotoCoreError):
            continue  # it does not exist, or the caller may not read it
        return Limit(quota=quota, value=value, known=True)
    return Limit(quota=quota, value=quota.default, known=False)


def _pipelines(aws: Aws, platform: Platform) -> list[Finding]:
    present = {item["name"] for item in aws.pages("codepipeline", "list_pipelines", "pipelines")}
    declared = {service.name for service in platform.services}
    return judge_room(_limit(aws, PIPELINES), present=len(present), more=len(declared - present))


def _rules(aws: Aws, platform: Platform) -> list[Finding]:
    present = sum(1 for _ in aws.pages("events", "list_rules", "Rules"))
    watches = WATCHES if platform.services and not stacks.stack(aws, platform.bitbucket_stack) else 0
    return judge_room(_limit(aws, RULES), present=present, more=watches)


def _resources(aws: Aws, platform: Platform) -> list[Finding]:
    found = side_by_side(lambda name: stacks.stack(aws, name), list(platform.all_stacks))
    return [finding for stack in found if stack for finding in judge_resources(stack.name, len(stack.resources))]


def judge_builds(limit: Limit, *, builds: int) -> list[Finding]:
    """Whether builds start at all, and whether those of the whole platform can run at once.

    The AWS page describes a queue of five times the quota; users of small accounts report refusals without a queue:
    https://docs.aws.amazon.com/codebuild/latest/userguide/builds-working.html, https://github.com/aws/aws-cdk/issues/27335
    """
    place = f"quota {limit.quota.name}"
    if limit.value < 1:
        return [Finding(place=place, what=f"it is {limit.text}, so every build fails to start", fix=limit.fix)]
    if builds > limit.value:
        what = (
            f"it is {limit.text}, and the configuration can start {builds} builds at once: the others wait, or are "
            "refused and retried"
        )
        return [Finding(place=place, what=what, fix=limit.fix, severity=Severity.WARNING)]
    return []


def judge_room(limit: Limit, *, present: int, more: int) -> list[Finding]:
    """Whether the quota allows what is declared and does not exist yet."""
    if present + more <= limit.value:
        return []
    what = f"it is {limit.text}; {present} exist and the configuration needs {more} more"
    return [Finding(place=f"quota {limit.quota.name}", what=what, fix=limit.fix)]


def judge_resources(stack: str, count: int) -> list[Finding]:
    """Whether a stack is close to the limit of its size."""
    if count <= STACK_RESOURCES * _NEARLY:
        return []
    return [
        Finding(
            place=f"stack {stack}",
            what=f"it has {count} resources; CloudFormation allows {STACK_RESOURCES}",
            fix="move some of them to another stack before you add more",
            severity=Severity.WARNING,
        )
    ]
