"""Lambda functions run with their role only when the role trusts Lambda; MiniStack does not ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import credentials, seams


def install() -> None:
    """Patch where MiniStack makes a function's credentials."""
    original = seams.lambda_runtime.execution_credentials

    def execution_credentials(configuration: Mapping[str, Any]) -> Any:
        try:
            credentials.require_trust(
                str(configuration.get("Role") or ""),
                service="lambda.amazonaws.com",
                source_arn=str(configuration.get("FunctionArn") or ""),
            )
        except credentials.AssumeRoleError as error:
            raise RuntimeError("The role defined for the function cannot be assumed by Lambda.") from error
        return original(configuration)

    seams.lambda_runtime.execution_credentials = execution_credentials
    if hasattr(seams.lambda_svc, "execution_credentials"):
        seams.lambda_svc.execution_credentials = execution_credentials
