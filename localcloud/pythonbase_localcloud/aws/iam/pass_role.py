"""iam:PassRole: who registers something with a role must be allowed to pass that role to the service."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pythonbase_localcloud.aws import seams
from pythonbase_localcloud.aws.iam import authorization
from pythonbase_localcloud.aws.iam.request_resources import members_of
from pythonbase_localcloud.aws.iam.service_resources import Members
from pythonbase_localcloud.aws.json_service import Response

#: service, action -> the roles that the request passes, and to whom.
_PASSED: dict[tuple[str, str], tuple[str, Callable[[Members], Iterable[Any]]]] = {
    ("ecs", "RegisterTaskDefinition"): (
        "ecs-tasks.amazonaws.com",
        lambda m: (m.get("executionRoleArn"), m.get("taskRoleArn")),
    ),
    ("ecs", "RunTask"): (
        "ecs-tasks.amazonaws.com",
        lambda m: ((m.get("overrides") or {}).get("executionRoleArn"), (m.get("overrides") or {}).get("taskRoleArn")),
    ),
    ("codebuild", "CreateProject"): ("codebuild.amazonaws.com", lambda m: (m.get("serviceRole"),)),
    ("codebuild", "UpdateProject"): ("codebuild.amazonaws.com", lambda m: (m.get("serviceRole"),)),
    ("codepipeline", "CreatePipeline"): (
        "codepipeline.amazonaws.com",
        lambda m: ((m.get("pipeline") or {}).get("roleArn"),),
    ),
    ("codepipeline", "UpdatePipeline"): (
        "codepipeline.amazonaws.com",
        lambda m: ((m.get("pipeline") or {}).get("roleArn"),),
    ),
    ("states", "CreateStateMachine"): ("states.amazonaws.com", lambda m: (m.get("roleArn"),)),
    ("states", "UpdateStateMachine"): ("states.amazonaws.com", lambda m: (m.get("roleArn"),)),
    ("events", "PutTargets"): (
        "events.amazonaws.com",
        lambda m: tuple(t.get("RoleArn") for t in m.get("Targets") or []),
    ),
    ("scheduler", "CreateSchedule"): ("scheduler.amazonaws.com", lambda m: ((m.get("Target") or {}).get("RoleArn"),)),
    ("scheduler", "UpdateSchedule"): ("scheduler.amazonaws.com", lambda m: ((m.get("Target") or {}).get("RoleArn"),)),
    ("lambda", "CreateFunction"): ("lambda.amazonaws.com", lambda m: (m.get("Role"),)),
    ("lambda", "UpdateFunctionConfiguration"): ("lambda.amazonaws.com", lambda m: (m.get("Role"),)),
}


def check_passed_roles(access_key_id: str, service: str, action: str, members: Members) -> None:
    """Raise `AccessDeniedError` when the caller may not pass a role that the request names."""
    principal, roles = _PASSED.get((service, action), ("", lambda _: ()))
    for role in roles(members):
        if role:
            authorization.check(access_key_id, "iam:PassRole", str(role), {"iam:PassedToService": principal})


def install() -> None:
    """Check before MiniStack's handlers, and before ours: call it after they are registered."""
    for service in {name for name, _ in _PASSED} & set(seams.app.SERVICE_HANDLERS):
        seams.app.SERVICE_HANDLERS[service] = _checking(service, seams.app.SERVICE_HANDLERS[service])


def _checking(service: str, handler: Any) -> Any:
    action_of = seams.iam_actions.extract_iam_action

    async def handle(method: str, path: str, headers: Mapping[str, str], body: bytes, query: Any) -> Response:
        action = (action_of(service, method, path, headers, body, query) or ":").split(":", 1)[1]
        if (service, action) in _PASSED:
            key = seams.router.extract_access_key_id(headers, query)
            try:
                check_passed_roles(key, service, action, members_of(body))
            except authorization.AccessDeniedError as error:
                denied: Response = seams.iam_actions.access_denied_response(
                    service, "iam:PassRole", "", "", headers=dict(headers), message=str(error)
                )
                return denied
        response: Response = await handler(method, path, headers, body, query)
        return response

    return handle
