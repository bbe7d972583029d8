"""Deployment strategies, with the load balancers and alarms that they need."""

from __future__ import annotations

from collections.abc import Iterator

from pythonbase_settings.checks.repeated import check_repeated
from pythonbase_settings.fields.load_balancer import LoadBalancer
from pythonbase_settings.problems import Finding, SettingPath, place
from pythonbase_settings.sections.deployment import Deployment
from pythonbase_settings.sections.services import Service

_TRAFFIC_CONFLICT = "https://github.com/aws/aws-cdk/issues/36649"
"""Why no strategy may shift traffic. Details: pythonbase.services.deployment, which needs the CDK library."""

_SHIFTED_BACK = (
    "ECS shifts weights of the load balancer that a later deployment can put back on containers that are gone, "
    f"{_TRAFFIC_CONFLICT}"
)
_COUNTED = "the load balancer counts the answers"


def check_deployment(service: Service, at: SettingPath) -> Iterator[Finding]:
    """The strategy, and the settings that are valid only with it."""
    deployment = service.deployment
    strategy: SettingPath = (*at, "deployment", "strategy")
    if deployment.strategy in {"linear", "canary"}:
        fix = f"use rolling: {deployment.strategy} shifts weights that a later deployment can undo, {_TRAFFIC_CONFLICT}"
        yield Finding(path=strategy, fix=fix)
    if deployment.bake_minutes is not None and deployment.strategy == "rolling":
        fix = "remove it: it is for blue-green; a rolling deployment keeps no old containers"
        yield Finding(path=(*at, "deployment", "bake_minutes"), fix=fix, involves=(strategy,))
    yield from _check_load_balancers(service, at)
    yield from check_alarms(deployment.alarms, (*at, "deployment", "alarms"))


def _check_load_balancers(service: Service, at: SettingPath) -> Iterator[Finding]:
    """The load balancers of the service and of its environments, compared with its deployment."""
    environments: list[tuple[SettingPath, LoadBalancer | None]] = [
        ((*at, "environments", number, "load_balancer"), item.load_balancer)
        for number, item in enumerate(service.environments)
    ]
    # A service with environments runs only in its environments.
    if not environments or any(choice is None for _, choice in environments):
        involved = ((*at, "load_balancer"), (*at, "environments"), *(path for path, _ in environments))
        balanced = service.load_balancer != "none"
        yield from _check_balanced(service.deployment, at, balanced=balanced, involved=involved)
    for path, choice in environments:
        if choice is not None:
            yield from _check_balanced_there(service.deployment, at, path, balanced=choice != "none")


def _check_balanced(
    deployment: Deployment, at: SettingPath, *, balanced: bool, involved: tuple[SettingPath, ...]
) -> Iterator[Finding]:
    """The load balancer of the service, compared with its deployment."""
    if deployment.strategy == "blue-green" and balanced:
        fix = f"use rolling, or load_balancer: none: {_SHIFTED_BACK}"
        yield Finding(path=(*at, "deployment", "strategy"), fix=fix, involves=involved)
    if deployment.server_errors is not None and not balanced:
        fix = f"remove it: {_COUNTED}, and the service has none"
        yield Finding(path=(*at, "deployment", "server_errors"), fix=fix, involves=involved)


def _check_balanced_there(
    deployment: Deployment, at: SettingPath, path: SettingPath, *, balanced: bool
) -> Iterator[Finding]:
    """The load balancer that an environment sets at this path, compared with the deployment of its service."""
    strategy: SettingPath = (*at, "deployment", "strategy")
    errors: SettingPath = (*at, "deployment", "server_errors")
    if deployment.strategy == "blue-green" and balanced:
        fix = f"use none, or rolling in {place(strategy)}: {_SHIFTED_BACK}"
        yield Finding(path=path, fix=fix, involves=(strategy,))
    if deployment.server_errors is not None and not balanced:
        fix = f"use public or internal, or remove {place(errors)}: {_COUNTED}"
        yield Finding(path=path, fix=fix, involves=(errors,))


def check_alarms(names: list[str], at: SettingPath) -> Iterator[Finding]:
    """Alarms are names, and each is listed once."""
    for index, name in enumerate(names):
        if name.startswith("arn:"):
            fix = "use the name of the alarm, which must be in the service's account and Region"
            yield Finding(path=(*at, index), fix=fix)
    yield from check_repeated(names, at)
