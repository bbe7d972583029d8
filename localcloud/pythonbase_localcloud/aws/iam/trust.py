"""Lambda functions run with their role only when the role trusts Lambda, and policies see who calls as AWS shows it.

MiniStack asks neither, and takes a session for its role where a condition names one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pythonbase_localcloud.aws import seams
from pythonbase_localcloud.aws.iam import credentials


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

    resolve = seams.iam_evaluator._resolve_condition_key

    def resolve_condition_key(key: str, context: Any) -> Any:
        value = resolve(key, context)
        if key.lower() == "aws:principalarn" and ":assumed-role/" in str(value):
            # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
            account, role = str(value).split(":")[4], str(value).split(":assumed-role/")[1].split("/")[0]
            return f"arn:aws:iam::{account}:role/{role}"
        return value

    seams.iam_evaluator._resolve_condition_key = resolve_condition_key
