"""Asks MiniStack's policy evaluation directly, for what is no request of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pythonbase_localcloud.aws import scope, seams


class AccessDeniedError(Exception):
    """A policy refused an action; the text is AWS's."""

    def __init__(self, *, principal: str, action: str, resource: str, explicit: bool = False) -> None:
        reason = (
            "with an explicit deny in a policy"
            if explicit
            else f"because no identity-based policy allows the {action} action"
        )
        super().__init__(f"User: {principal} is not authorized to perform: {action} on resource: {resource} {reason}")


def check(access_key_id: str, action: str, resource: str, context: Mapping[str, Any] | None = None) -> None:
    """Raise `AccessDeniedError` unless the policies of the key's owner allow `action` on `resource`."""
    service = action.split(":", 1)[0]
    evaluator = seams.iam_evaluator
    principal = evaluator.resolve_principal(access_key_id, scope.account())
    if isinstance(principal, evaluator.AuthError):
        raise AccessDeniedError(principal=access_key_id, action=action, resource=resource)
    if principal.policies is None:  # root
        return
    evaluation = evaluator.EvalContext(
        principal_arn=principal.arn,
        principal_type=principal.type,
        principal_account=principal.account,
        action=action,
        resource_arn=resource,
        region=scope.region(),
        service_context={key.lower(): value for key, value in (context or {}).items()},
        principal_keys=principal.keys,
    )
    result = evaluator.evaluate(evaluation, principal.policies, *principal.limits)
    policy = evaluator._resource_policy(service, resource)
    if policy is not None:
        result = evaluator.combine_resource_policy(result, evaluation, *policy, limits=principal.limits)
    if result.decision != "Allow":
        raise AccessDeniedError(
            principal=principal.arn, action=action, resource=resource, explicit=result.decision == "Deny"
        )
