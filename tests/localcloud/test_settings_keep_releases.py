"""Whatever is edited in platform.yaml of a released service, `cdk deploy` keeps the digest that runs and is recorded.

Every setting of the model has an edit here, or a reason why none can be deployed; a new setting without one fails by
its name. Edits are deployed in groups; a group that loses a release names its edits.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from pythonbase_localcloud.instance import Instance, find
from pythonbase_localcloud.machine.commands import LocalCloudError
from pythonbase_localcloud.machine.progress import reporter
from pythonbase_localcloud.setup import lifecycle
from pythonbase_localcloud.testing.cloud import ROOT
from pythonbase_settings import Settings
from trials.fault_table.releases import release
from trials.fault_table.run import platform
from trials.fault_table.world import World

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("settings", order=3)]

Tree = dict[str, Any]
Edit = Callable[[Tree], None]


def _shop(key: str, value: Any) -> Edit:
    def edit(tree: Tree) -> None:
        tree["services"][0][key] = value

    return edit


def _gate(key: str, value: Any) -> Edit:
    """Of the second environment of the service that has some."""

    def edit(tree: Tree) -> None:
        tree["services"][1]["environments"][1][key] = value

    return edit


def _top(key: str, value: Any) -> Edit:
    def edit(tree: Tree) -> None:
        tree[key] = {**(tree.get(key) or {}), **value}

    return edit


def _base(key: str, value: Any) -> Edit:
    def edit(tree: Tree) -> None:
        tree["base_images"][0][key] = value

    return edit


def _second_base_first(tree: Tree) -> None:
    tree["base_images"].insert(0, {"name": "python-next", "path": "images/python-next"})


def _without_approval(tree: Tree) -> None:
    tree["services"][1]["environments"][1] = {"name": "production"}


TOPIC = "arn:aws:sns:eu-west-1:000000000000:releases"
GROUPS: dict[str, dict[str, Edit]] = {
    "pipeline": {
        "services.branch": _shop("branch", "release"),
        "services.tags": _shop("tags", ["v*"]),
        "services.paths": _shop("paths", ["app.py"]),
        "services.pull_requests": _shop("pull_requests", True),
        "services.context": _shop("context", "./"),
        "services.dockerfile": _shop("dockerfile", "./Dockerfile"),
        "services.test": _shop("test", "true"),
        "services.execution_mode": _shop("execution_mode", "queued"),
        "services.repository": _shop("repository", "acme/other"),
        "services.environments.approval": _without_approval,
        "services.notifications.topic": _shop("notifications", {"topic": TOPIC}),
        "services.destroy": _shop("destroy", True),
        "docker_hub.official_images": _top("docker_hub", {"official_images": "ecr-public"}),
        "docker_hub.other_images": _top("docker_hub", {"other_images": "pull-through-cache"}),
        "docker_hub.pull_through_cache_prefix": _top("docker_hub", {"pull_through_cache_prefix": "hub"}),
    },
    "tasks": {
        "services.cpu": _shop("cpu", 512),
        "services.memory": _shop("memory", 1024),
        "services.desired_count": _shop("desired_count", 2),
        "services.max_count": _shop("max_count", 3),
        "services.health_check_path": _shop("health_check_path", "/health"),
        "services.environment": _shop("environment", {"TEMPLATE": "0", "MORE": "1"}),
        "services.secrets": _shop("secrets", {"TOKEN": "bitbucket/statuses"}),
        "services.deployment.server_errors": _shop("deployment", {"server_errors": 50}),
        "services.environments.cpu": _gate("cpu", 512),
        "services.environments.memory": _gate("memory", 1024),
        "services.environments.desired_count": _gate("desired_count", 2),
        "services.environments.max_count": _gate("max_count", 3),
        "services.environments.environment": _gate("environment", {"MORE": "1"}),
        "services.environments.secrets": _gate("secrets", {"TOKEN": "bitbucket/statuses"}),
    },
    "base images": {
        "base_images.name": _second_base_first,
        "services.base_image": lambda tree: tree["services"][1].update(base_image="python-next"),
        "base_images.path": _base("path", "images/python-next"),
        "base_images.refresh": _base("refresh", "rate(2 days)"),
        "base_images.stands_in_for": lambda tree: tree["base_images"][1].update(stands_in_for=["python:3.12"]),
        "base_images.destroy": lambda tree: tree["base_images"][1].update(destroy=False),
    },
    "platform": {
        "notifications.topic": _top("notifications", {"topic": TOPIC}),
        "bitbucket.status_credentials": lambda tree: tree["bitbucket"].pop("status_credentials"),
        "bitbucket.destroy": _top("bitbucket", {"destroy": False}),
        "services.environments.approval_timeout": lambda tree: tree["services"][1]["environments"][1].update(
            approval=True, approval_timeout=10
        ),
    },
    "port": {"services.port": _shop("port", 9000)},
}
"""Deployed one group after the other, each on top of the ones before."""

REFUSED: dict[str, tuple[Edit, str]] = {
    "services.name": (_shop("name", "gate"), "services"),
    "services.unreviewed_tags": (_shop("unreviewed_tags", True), "unreviewed_tags"),
    "services.environments.name": (_gate("name", "staging"), "environments"),
    "services.deployment.strategy": (_shop("deployment", {"strategy": "canary"}), "strategy"),
    "services.deployment.bake_minutes": (_shop("deployment", {"bake_minutes": -1}), "bake_minutes"),
}
"""Edits that are no release's business, and that the synthesis refuses with the setting's name."""

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


def _settings(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, info in model.model_fields.items():
        nested = [item for item in _types(info.annotation) if isinstance(item, type) and issubclass(item, BaseModel)]
        if nested:
            yield from _settings(nested[0], f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def _types(annotation: Any) -> Iterator[Any]:
    yield annotation
    for item in typing.get_args(annotation):
        yield from _types(item)


def test_every_setting_has_an_edit_or_a_reason() -> None:
    edited = [name for group in GROUPS.values() for name in group]
    known = {*edited, *REFUSED, *NOT_HERE}
    assert known == set(_settings(Settings))
    assert len(edited) + len(REFUSED) + len(NOT_HERE) == len(known)


@dataclass
class Figures:
    """What was tried, and what was lost."""

    tried: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def look(self, world: World, what: str, expected: dict[str, str]) -> None:
        """Compare what runs and what is recorded with the digests of before."""
        world.settle()
        for target in world.targets:
            recorded, running = target.recorded(), target.running()
            if recorded != expected[target.name] or running != {recorded}:
                self.lost.append(f"{what}: {target.name} records {recorded}, runs {running}")


@pytest.fixture(scope="module")
def released(worker_id: str) -> Iterator[World]:
    """The services of the fault table on an instance of their own, with a release after the deployment."""
    default = find(start=ROOT)
    instance = Instance(root=default.root, home=default.cache.parent / f"settings-{worker_id}", cache=default.cache)
    lifecycle.clean(instance, report=reporter(quiet=True))
    try:
        with platform(instance, reporter()) as world:
            world.change_template()
            world.deploy_shop()
            release(world)
            yield world
    finally:
        lifecycle.down(instance, report=reporter(quiet=True))


def _edit(config: Path, edit: Edit) -> None:
    tree = yaml.safe_load(config.read_text())
    edit(tree)
    config.write_text(yaml.safe_dump(tree, sort_keys=False))


def _reworded(assembly: Path, copy: Path) -> Path:
    """What a version of this library with other descriptions of the record would synthesize."""
    shutil.copytree(assembly, copy)
    for template in copy.glob("*State.template.json"):
        text = template.read_text()
        if "written by" not in text:  # the images of a service with environments
            continue
        template.write_text(text.replace("written by", "WRITTEN BY"))
        # The CLI uploads a template under its hash, once.
        assets = copy / template.name.replace(".template.", ".assets.")
        (old,) = {
            key
            for key, asset in json.loads(assets.read_text())["files"].items()
            if asset["source"]["path"] == template.name
        }
        new = hashlib.sha256(template.read_bytes()).hexdigest()
        for path in (assets, copy / "manifest.json"):
            path.write_text(path.read_text().replace(old, new))
    return copy


def test_no_edit_of_any_setting_loses_a_release(released: World, capsys: pytest.CaptureFixture[str]) -> None:
    world, figures = released, Figures()
    world.clients("sns").create_topic(Name="releases")
    source = world.instance.root / "images" / "pythonbase"
    target = world.folder / "images" / "python-next"
    target.mkdir(parents=True)
    for path in source.iterdir():
        if path.is_file():
            (target / path.name).write_bytes(path.read_bytes())
    expected = {item.name: item.recorded() for item in world.targets}

    before = world.config.read_text()
    for name, (edit, says) in REFUSED.items():
        _edit(world.config, edit)
        try:
            world.cdk.deploy()
        except LocalCloudError:
            figures.refused.append(name)
        figures.look(world, f"{name} ({says})", expected)
        world.config.write_text(before)

    for group, edits in GROUPS.items():
        for edit in edits.values():
            _edit(world.config, edit)
        world.cdk.deploy()
        figures.tried += edits
        figures.look(world, f"{group}: {', '.join(edits)}", expected)

    reworded = _reworded(world.instance.home / "cdk.out", world.folder / "reworded")
    replace(world.cdk, assembly=reworded).deploy()
    figures.look(world, "another description of the record", expected)
    figures.tried.append("another description of the record")

    # One stack, drift reverted, and a deployment that fails, on top of all of them.
    _edit(world.config, _shop("environment", {"TEMPLATE": "1"}))
    world.cdk.deploy("Shop")
    figures.look(world, "cdk deploy Shop", expected)
    world.cdk.deploy(revert_drift=True)
    figures.look(world, "cdk deploy --all --revert-drift", expected)
    _edit(world.config, _shop("environment", {"TEMPLATE": "broken"}))
    with pytest.raises(LocalCloudError):
        world.cdk.deploy("Shop")
    figures.look(world, "a deployment that fails", expected)
    figures.tried += ["one stack", "--revert-drift", "a failed deployment"]

    with capsys.disabled():
        print(f"\nedits deployed: {len(figures.tried)}, refused: {len(figures.refused)}, lost: {len(figures.lost)}")
    assert figures.lost == []
    assert figures.refused == list(REFUSED)
