"""Requests to the registry of another account: MiniStack's ECR serves the caller's own, whatever `registryId` says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pythonbase_localcloud.aws import scope, seams
from pythonbase_localcloud.aws.iam.request_resources import members_of


def install() -> None:
    """Serve the registry that a request names, and look up the policies of its repositories there."""
    handler = seams.app.SERVICE_HANDLERS["ecr"]
    policy = seams.ecr.repository_policy_for_arn

    async def handle(method: str, path: str, headers: Mapping[str, str], body: bytes, query: Any) -> Any:
        with scope.scoped(str(members_of(body).get("registryId") or scope.account()), scope.region()):
            return await handler(method, path, headers, body, query)

    def repository_policy_for_arn(arn: str) -> Any:
        _, _, _, region, account, _ = arn.split(":", 5)
        with scope.scoped(account, region):
            return policy(arn)

    seams.app.SERVICE_HANDLERS["ecr"] = handle
    seams.ecr.repository_policy_for_arn = repository_policy_for_arn
