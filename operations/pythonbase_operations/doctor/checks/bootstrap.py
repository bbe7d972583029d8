"""Whether the CDK can deploy to every account and Region of the configuration."""

from __future__ import annotations

from botocore.exceptions import ClientError

from pythonbase_operations.doctor.aws import Aws, code_of, side_by_side
from pythonbase_operations.doctor.declared import Elsewhere, Platform
from pythonbase_operations.doctor.finding import Finding
from pythonbase_operations.printing import one_line

REQUIRED_VERSION = 6
"""What aws-cdk-lib's DefaultStackSynthesizer requires (``requiresBootstrapStackVersion`` in manifest.json)."""
_QUALIFIER = "hnb659fds"
_PARAMETER = f"/cdk-bootstrap/{_QUALIFIER}/version"


def check(aws: Aws, platform: Platform) -> list[Finding]:
    """Read the version of the bootstrap stack in each Region, and try the deployment's role in each other account."""
    own = [aws.region, *(item.region for item in platform.elsewhere if item.account is None)]
    found = side_by_side(lambda region: judge(_version(aws, region), account=aws.account, region=region), own)
    others = [item for item in platform.elsewhere if item.account is not None]
    found += side_by_side(lambda item: _other_account(aws, item), others)
    return [finding for findings in found for finding in findings]


def _version(aws: Aws, region: str) -> str | None:
    try:
        return str(aws.client("ssm", region=region).get_parameter(Name=_PARAMETER)["Parameter"]["Value"])
    except ClientError as error:
        if code_of(error) != "ParameterNotFound":
            raise
        return None


def judge(version: str | None, *, account: str, region: str) -> list[Finding]:
    """What the version means; None: there is none."""
    command = f"cdk bootstrap aws://{account}/{region}"
    if version is None:
        what = f"the account is not bootstrapped in {region}"
        return [Finding(place="CDK bootstrap", what=what, fix=command)]
    if not version.isdigit() or int(version) < REQUIRED_VERSION:
        what = f"version {version} in {region} is too old; stacks need {REQUIRED_VERSION} or later"
        return [Finding(place="CDK bootstrap", what=what, fix=command)]
    return []


def _other_account(aws: Aws, place: Elsewhere) -> list[Finding]:
    """Assume the role that `cdk deploy` assumes there. No call is made with it."""
    role = f"arn:{aws.partition}:iam::{place.account}:role/cdk-{_QUALIFIER}-deploy-role-{place.account}-{place.region}"
    try:
        aws.client("sts").assume_role(RoleArn=role, RoleSessionName="pythonbase-doctor", DurationSeconds=900)
    except ClientError as error:
        if "AccessDenied" not in code_of(error):
            raise
        return [judge_refused(place, trusted=aws.account, partition=aws.partition, said=str(error))]
    return []


def judge_refused(place: Elsewhere, *, trusted: str, partition: str, said: str) -> Finding:
    """AWS returns the same error for a role that does not exist and for one that does not trust the caller."""
    policy = f"arn:{partition}:iam::aws:policy/AdministratorAccess"
    return Finding(
        place=f"CDK bootstrap of {place.account}",
        what=one_line(f"the account is not bootstrapped in {place.region}, or does not trust this one: {said}"),
        fix=f"with credentials of {place.account}: cdk bootstrap aws://{place.account}/{place.region} "
        f"--trust {trusted} --cloudformation-execution-policies {policy}",
    )
