"""What is edited in platform.yaml of a released service, setting by setting.

Most edits are the first example of the field in the model that is not its default; a switch is turned. So a new setting
needs no line here. What needs more than its example is in `BY_HAND`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pythonbase_settings import Settings
from pythonbase_settings.reading.described import Described

Tree = dict[str, Any]
Edit = Callable[[Tree], None]

TOPIC = "arn:aws:sns:eu-west-1:000000000000:releases"
SECRET = "bitbucket/statuses"  # noqa: S105 - its name


def changed(setting: str, value: Any) -> Edit:
    """Gives a setting a value: of the first entry of a list, of the second environment of the service that has some."""
    *sections, key = setting.split(".")
    gate = setting.startswith("services.environments.")

    def edit(tree: Tree) -> None:
        section: Any = tree
        for name in sections:
            section = section.setdefault(name, {})
            if isinstance(section, list):
                section = section[1 if gate else 0]
        # Variables are added to those that the service needs.
        section[key] = {**section.get(key, {}), **value} if isinstance(value, dict) else value

    return edit


def _second_base_first(tree: Tree) -> None:
    tree["base_images"].insert(0, {"name": "python-next", "path": "images/python-next"})


def _without_approval(tree: Tree) -> None:
    del tree["services"][1]["environments"][1]["approval_timeout"]
    tree["services"][1]["environments"][1]["approval"] = False


def _with_approval(tree: Tree) -> None:
    tree["services"][1]["environments"][1].update(approval=True, approval_timeout=10)


BY_HAND: dict[str, dict[str, Edit]] = {
    "platform": {
        "notifications.topic": changed("notifications.topic", TOPIC),
        "services.notifications.topic": changed("services.notifications.topic", TOPIC),
        "services.secrets": changed("services.secrets", {"TOKEN": SECRET}),
        "services.environments.secrets": changed("services.environments.secrets", {"TOKEN": SECRET}),
        "services.environments.approval": _without_approval,
        # `true` is refused while a service without it uses them.
        "bitbucket.destroy": changed("bitbucket.destroy", False),
        "base_images.destroy": changed("base_images.destroy", False),
    },
    "base images": {
        "base_images.name": _second_base_first,
        "base_images.path": lambda tree: tree["base_images"][1].update(path="images/python-next"),
        "services.base_image": lambda tree: tree["services"][1].update(base_image="python-next"),
        "services.environments.approval_timeout": _with_approval,
        "bitbucket.status_credentials": lambda tree: tree["bitbucket"].pop("status_credentials"),
    },
    "port": {"services.port": changed("services.port", 9000)},
}
"""Deployed one group after the other, after the examples, each on top of the ones before."""

REFUSED: dict[str, tuple[Edit, str]] = {
    "services.name": (changed("services.name", "gate"), "services"),
    "services.unreviewed_tags": (changed("services.unreviewed_tags", True), "unreviewed_tags"),
    "services.environments.name": (changed("services.environments.name", "staging"), "environments"),
    "services.deployment.strategy": (changed("services.deployment.strategy", "canary"), "strategy"),
    "services.deployment.bake_minutes": (changed("services.deployment.bake_minutes", -1), "bake_minutes"),
}
"""Edits that the synthesis refuses, with a message that has this text."""

NOT_HERE: dict[str, str] = {
    "environment.account": "another account: other stacks, in which nothing was released",
    "environment.region": "another Region: the same",
    "environments.name": "names a place; without a service that uses it nothing changes",
    "environments.account": "another account: the same",
    "environments.region": "another Region: the same",
    "environments.network.nat_gateways": "another network: the ECS service is a new one, which starts on its record",
    "environments.network.max_azs": "the same",
    "environments.network.vpc.id": "the same",
    "environments.network.vpc.cidr_block": "the same",
    "environments.network.vpc.availability_zones": "the same",
    "environments.network.vpc.private_subnet_ids": "the same",
    "environments.network.vpc.public_subnet_ids": "the same",
    "environments.network.availability_zones": "the same",
    "environments.destroy": "is for an environment in another Region: the same",
    "prefix": "another platform beside this one, with other stacks, services and records, which it does not touch",
    "network.availability_zones": "replaces subnets under running tasks, which the local cloud has not",
    "network.nat_gateways": "replaces subnets under running tasks, which the local cloud has not",
    "network.max_azs": "the same",
    "network.vpc.id": "the same",
    "network.vpc.cidr_block": "the same",
    "network.vpc.availability_zones": "the same",
    "network.vpc.private_subnet_ids": "the same",
    "network.vpc.public_subnet_ids": "the same",
    "bitbucket.connection_arn": "a connection of somebody else: only sources use it",
    "bitbucket.connection_name": "replaces the connection: only sources use it",
    "base_images.upstream": "the local cloud has one upstream; the record does not name it",
    "base_images.upstream_credentials": "a secret that only the base image's build reads",
    "notifications.chatbot": "only notification rules use it",
    "services.notifications.chatbot": "the same",
    "services.load_balancer": "replaces the load balancer, which test_web_service and issue threads speak of",
    "services.environments.load_balancer": "the same",
    "services.environments.alarms": "alarms are stored here and not watched",
    "services.deployment.alarms": "the same",
}
"""What is not deployed here, and why no release can depend on it."""


def every_setting(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """All settings that are no sections, with their fields."""
    for name, field in model.model_fields.items():
        described = Described.of(field.annotation)
        section = described.model or getattr(described.inside(0), "model", None)
        if section:
            yield from every_setting(section, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def example(field: FieldInfo) -> object:
    """A value that is not the default; None if the field has no example of one."""
    values = [*(field.examples or ()), *([not field.default] if isinstance(field.default, bool) else ())]
    return next((value for value in values if value != field.default), None)


def groups() -> dict[str, dict[str, Edit]]:
    """All edits that are deployed."""
    special = {*REFUSED, *NOT_HERE, *(name for group in BY_HAND.values() for name in group)}
    examples = {
        name: changed(name, example(field))
        for name, field in every_setting()
        if name not in special and example(field) is not None
    }
    return {"examples": examples, **BY_HAND}
