"""Whether the CDK can deploy to the account."""

from __future__ import annotations

from botocore.exceptions import ClientError

from pythonbase_operations.doctor.aws import Aws, code_of
from pythonbase_operations.doctor.declared import Platform
from pythonbase_operations.doctor.finding import Finding

REQUIRED_VERSION = 6
"""What stacks of aws-cdk-lib's DefaultStackSynthesizer ask for (``requiresBootstrapStackVersion`` in manifest.json)."""
_PARAMETER = "/cdk-bootstrap/hnb659fds/version"


def check(aws: Aws, platform: Platform) -> list[Finding]:
    """Read the version of the bootstrap stack."""
    del platform
    try:
        value = aws.client("ssm").get_parameter(Name=_PARAMETER)["Parameter"]["Value"]
    except ClientError as error:
        if code_of(error) != "ParameterNotFound":
            raise
        value = None
    return judge(value, account=aws.account, region=aws.region)


def judge(version: str | None, *, account: str, region: str) -> list[Finding]:
    """What the version means; None: there is none."""
    command = f"cdk bootstrap aws://{account}/{region}"
    if version is None:
        return [Finding(place="CDK bootstrap", what="the account is not bootstrapped in this Region", fix=command)]
    if not version.isdigit() or int(version) < REQUIRED_VERSION:
        what = f"version {version} is too old; stacks need {REQUIRED_VERSION} or later"
        return [Finding(place="CDK bootstrap", what=what, fix=command)]
    return []
