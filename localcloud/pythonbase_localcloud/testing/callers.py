"""Roles and callers that may do what a test says and nothing else; unique names, waiting."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from pythonbase_localcloud.testing.cloud import Cloud

T = TypeVar("T")


def unique(prefix: str) -> str:
    """A name that no other test uses."""
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def wait_for(check: Callable[[], T | None], *, seconds: float = 60) -> T:
    """The first result that is not None or False."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        result = check()
        if result:
            return result
        time.sleep(0.2)
    raise AssertionError(f"nothing came within {seconds} s")


def allow(*actions: str, on: str | list[str] = "*", **condition: Any) -> dict[str, Any]:
    """A policy statement."""
    return {"Effect": "Allow", "Action": list(actions), "Resource": on, **condition}


def service_role(cloud: Cloud, service: str, *statements: Mapping[str, Any]) -> str:
    """ARN of a new role that `service` may assume."""
    return _role(cloud, {"Service": service}, statements)


def set_policy(cloud: Cloud, role_arn: str, *statements: Mapping[str, Any]) -> None:
    """Replace the role's policy."""
    cloud.client("iam").put_role_policy(
        RoleName=role_arn.rsplit("/", 1)[-1],
        PolicyName="policy",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}),
    )


def _role(cloud: Cloud, principal: Mapping[str, str], statements: tuple[Mapping[str, Any], ...]) -> str:
    name = unique("role")
    trust = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}]}
    arn = cloud.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    if statements:
        set_policy(cloud, arn, *statements)
    return str(arn)


def session_of_caller(cloud: Cloud, *statements: Mapping[str, Any]) -> dict[str, str]:
    """Credentials of somebody who may do what the statements say and nothing else, as STS returns them."""
    arn = _role(cloud, {"AWS": f"arn:aws:iam::{cloud.account}:root"}, statements)
    session = cloud.client("sts").assume_role(RoleArn=arn, RoleSessionName="tester")["Credentials"]
    return {name: str(session[name]) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")}


def caller(cloud: Cloud, *statements: Mapping[str, Any]) -> Callable[[str], Any]:
    """boto3 clients of somebody who may do what the statements say and nothing else."""
    session = session_of_caller(cloud, *statements)

    def client(service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=cloud.endpoint_url,
            region_name=cloud.region,
            aws_access_key_id=session["AccessKeyId"],
            aws_secret_access_key=session["SecretAccessKey"],
            aws_session_token=session["SessionToken"],
            verify=cloud.environment()["AWS_CA_BUNDLE"],
            config=Config(retries={"max_attempts": 1}),
        )

    return client
