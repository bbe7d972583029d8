"""Sessions of service roles, and clients that use them.

Whatever acts for a service (a build, a pipeline action, an ECS task's image pull) calls the gateway with such a
session, so that MiniStack's own policy evaluation decides, exactly as for any other caller.
"""

from __future__ import annotations

import gc
import json
import os
import re
import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config

from pythonbase_localcloud.aws import scope, seams

_SESSION_SECONDS = 3600
_CLIENTS = 128
_session = boto3.session.Session()
_session_lock = threading.Lock()


class AssumeRoleError(Exception):
    """A service may not assume the role; the text is what AWS's services report."""


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """An access key, temporary when it has a token."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None
    expiration: float | None = None
    """Seconds since the epoch; None for root."""


def root() -> Credentials:
    """The account's root credentials: for the local cloud's own bookkeeping, never for what a role does."""
    return Credentials(access_key_id=scope.account(), secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"])


def role_name(role_arn: str) -> str:
    """Name of the role without its path."""
    return role_arn.rsplit("/", 1)[-1]


def role_session(
    role_arn: str,
    *,
    service: str,
    session_name: str,
    source_arn: str | None = None,
    seconds: int = _SESSION_SECONDS,
) -> Credentials:
    """A session of `role_arn` for the service principal `service` (``codebuild.amazonaws.com``).

    Raises `AssumeRoleError` when the role does not exist or its trust policy does not name the service.
    `source_arn` is the resource on whose behalf the service acts (condition key ``aws:SourceArn``).
    """
    role = require_trust(role_arn, service=service, source_arn=source_arn)
    account_id, name = scope.account(), role_name(role_arn)
    session_name = re.sub(r"[^\w+=,.@-]", "-", session_name)[:64]
    expiration = time.time() + seconds
    credentials = Credentials(
        access_key_id=seams.iam._gen_session_access_key(),
        secret_access_key=seams.iam._gen_secret(),
        session_token=seams.iam._gen_session_token(),
        expiration=expiration,
    )
    seams.sts.register_session(
        credentials.access_key_id,
        {
            "Arn": f"arn:aws:sts::{account_id}:assumed-role/{name}/{session_name}",
            "UserId": f"{role.get('RoleId', name)}:{session_name}",
            "AccountId": account_id,
            "PrincipalType": "AssumedRole",
            "SecretAccessKey": credentials.secret_access_key,
            "SessionToken": credentials.session_token,
            "Expiration": expiration,
        },
    )
    return credentials


def require_trust(role_arn: str, *, service: str, source_arn: str | None = None) -> dict[str, Any]:
    """The role's record; raises `AssumeRoleError` when it is missing or does not trust the service."""
    account_id = scope.account()
    role: dict[str, Any] | None = seams.iam._roles.get_scoped(account_id, None, role_name(role_arn))
    if role is None or not _trusts(role, service=service, source_arn=source_arn, account_id=account_id):
        raise AssumeRoleError(
            f"{service} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"
            + (" because the role does not exist" if role is None else " because its trust policy does not allow it")
        )
    return role


def _trusts(role: dict[str, Any], *, service: str, source_arn: str | None, account_id: str) -> bool:
    """Whether the trust policy allows the service; MiniStack itself checks trust only for API callers."""
    evaluator = seams.iam_evaluator
    context = evaluator.EvalContext(
        principal_arn="",
        principal_type="Service",
        principal_account=account_id,
        action="sts:AssumeRole",
        resource_arn="*",
        region=scope.region(),
        service_context={"aws:sourceaccount": account_id} | ({"aws:sourcearn": source_arn} if source_arn else {}),
    )
    document = role.get("AssumeRolePolicyDocument") or "{}"
    if isinstance(document, str):
        document = json.loads(document)
    statements = document.get("Statement", [])
    matching = [
        s
        for s in ([statements] if isinstance(statements, dict) else statements)
        if evaluator._service_principal_matches(s.get("Principal"), service)
    ]
    decision = evaluator.evaluate(
        context,
        [
            evaluator.parse_policy_document(
                {"Statement": [{"Resource": "*", **{k: v for k, v in s.items() if k != "Principal"}} for s in matching]}
            )
        ],
    )
    return bool(decision.decision == "Allow")


def client(service: str, credentials: Credentials | None = None, *, region: str | None = None, retries: int = 3) -> Any:
    """A boto3 client of the gateway with the given session (root when left out), for the current account and region.

    Never call it on the event loop: the gateway answers on that loop.
    """
    with _session_lock:  # creating clients is not thread-safe in boto3, using them is
        return _client(service, credentials or root(), region or scope.region(), retries)


def close_clients() -> None:
    """Close their connections, for which the gateway would wait when it shuts down."""
    _client.cache_clear()
    gc.collect()


@lru_cache(maxsize=_CLIENTS)
def _client(service: str, credentials: Credentials, region: str, retries: int) -> Any:
    """Making one, and its first connection, takes longer than most calls."""
    return _session.client(
        service,  # type: ignore[call-overload]
        region_name=region,
        endpoint_url=os.environ["AWS_ENDPOINT_URL"],
        aws_access_key_id=credentials.access_key_id,
        aws_secret_access_key=credentials.secret_access_key,
        aws_session_token=credentials.session_token,
        config=Config(
            s3={"addressing_style": "path"},
            retries={"max_attempts": retries},
            read_timeout=120,
            parameter_validation=False,
        ),
    )
