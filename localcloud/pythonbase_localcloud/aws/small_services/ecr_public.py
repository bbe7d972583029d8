"""ECR Public: the log-in, which is all that the application asks of it. Its images come from the upstream registry."""

from __future__ import annotations

import base64
import secrets
import time
from typing import Any

from pythonbase_localcloud.aws import json_service
from pythonbase_localcloud.aws.iam import authorization

_SECONDS = 12 * 3600


def _get_authorization_token(members: json_service.Request) -> dict[str, Any]:
    del members
    try:
        # A permission of its own: https://docs.aws.amazon.com/AmazonECR/latest/public/public-registry-auth.html
        authorization.check(
            json_service.caller_key(),
            "sts:GetServiceBearerToken",
            "*",
            {"sts:AWSServiceName": "ecr-public.amazonaws.com"},
        )
    except authorization.AccessDeniedError as error:
        raise json_service.ApiError("AccessDeniedException", str(error)) from error
    token = base64.b64encode(f"AWS:{secrets.token_urlsafe(48)}".encode()).decode()
    return {"authorizationData": {"authorizationToken": token, "expiresAt": time.time() + _SECONDS}}


def install() -> None:
    """Register the service."""
    json_service.register(
        "ecr-public",
        target_prefix="SpencerFrontendService",
        operations={"GetAuthorizationToken": _get_authorization_token},
    )
