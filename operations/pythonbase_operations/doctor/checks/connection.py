"""Whether pipelines can read from Bitbucket."""

from __future__ import annotations

from pythonbase_operations.doctor.aws import Aws
from pythonbase_operations.doctor.connection import AVAILABLE, PENDING, Connection, find
from pythonbase_operations.doctor.declared import Platform
from pythonbase_operations.doctor.finding import Finding


def check(aws: Aws, platform: Platform) -> list[Finding]:
    """Read the connection. Without services, none is needed."""
    if not platform.services:
        return []
    return judge(find(aws, platform), platform, region=aws.region, partition=aws.partition)


def judge(connection: Connection | None, platform: Platform, *, region: str, partition: str = "aws") -> list[Finding]:
    """What the connection's status means; None: it does not exist."""
    if connection is None and platform.connection_arn:
        place = f"{platform.config}: bitbucket.connection_arn"
        fix = f"write the ARN of a connection in {region}, or leave it out and one is created"
        return [Finding(place=place, what=f"there is no connection {platform.connection_arn}", fix=fix)]
    if connection is None:
        what = f"there is no connection called {platform.connection_name}"
        return [Finding(place="connection", what=what, fix=f"cdk deploy {platform.bitbucket_stack}")]
    place = f"connection {connection.name}"
    # https://docs.aws.amazon.com/dtconsole/latest/userguide/connections-update.html
    # No other partition has connections to Bitbucket.
    domain = "amazonaws-us-gov.com" if partition == "aws-us-gov" else "aws.amazon.com"
    console = f"https://{region}.console.{domain}/codesuite/settings/connections"
    if connection.status == PENDING:
        fix = (
            f"open {console}, choose {connection.name}, Update pending connection; "
            "failed pipelines are then retried automatically"
        )
        return [Finding(place=place, what="its handshake is not finished (PENDING)", fix=fix)]
    if connection.status != AVAILABLE:
        # https://docs.aws.amazon.com/dtconsole/latest/userguide/welcome-connections-workflow.html
        fix = f"if this persists, open {console}, choose {connection.name}, and install its app in Bitbucket again"
        return [Finding(place=place, what=f"it does not work ({connection.status})", fix=fix)]
    return []
