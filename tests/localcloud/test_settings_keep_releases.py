"""Whatever is edited in platform.yaml of a released service, `cdk deploy` keeps the digest that runs and is recorded.

Every setting of the model has an edit (`setting_edits`), or a reason why none can be deployed; a new setting without
one fails by its name. Edits are deployed in groups; a group that loses a release names its edits.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import yaml

from pythonbase_localcloud.instance import Instance, find
from pythonbase_localcloud.machine.commands import LocalCloudError
from pythonbase_localcloud.machine.progress import reporter
from pythonbase_localcloud.setup import lifecycle
from pythonbase_localcloud.testing.cloud import ROOT
from pythonbase_settings import SettingsError, load_settings
from tests.localcloud.setting_edits import NOT_HERE, REFUSED, Edit, changed, every_setting, groups
from trials.fault_table.releases import release
from trials.fault_table.run import platform
from trials.fault_table.world import BASE_IMAGE, CONFIGURATION, World

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("settings", order=3)]


def test_every_setting_has_an_edit_or_a_reason() -> None:
    known = Counter([*(name for group in groups().values() for name in group), *REFUSED, *NOT_HERE])
    settings = {name for name, _ in every_setting()}
    assert sorted(settings - known.keys()) == [], (
        "add a value that can be deployed and is not the default to the field: examples=[…]. If there is none, add the "
        "reason to NOT_HERE in tests/localcloud/setting_edits.py"
    )
    assert sorted(known.keys() - settings) == [], "remove them from tests/localcloud/setting_edits.py"
    assert [name for name, times in known.items() if times > 1] == []


def test_edits_of_every_setting_are_valid_together(tmp_path: Path) -> None:
    # What the deployments below would say after minutes.
    for image in ("pythonbase", "python-next"):
        (tmp_path / "images" / image).mkdir(parents=True)
        (tmp_path / "images" / image / "Dockerfile").touch()
    config = tmp_path / "platform.yaml"
    text = CONFIGURATION.format(template=0, base_images=f"[{BASE_IMAGE}]")
    for edit, says in REFUSED.values():
        config.write_text(text)
        _edit(config, edit)
        with pytest.raises(SettingsError, match=says):
            load_settings(config)
    config.write_text(text)
    for edits in groups().values():
        for edit in edits.values():
            _edit(config, edit)
        load_settings(config)


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
    before = config.read_text()
    tree = yaml.safe_load(before)
    edit(tree)
    after = yaml.safe_dump(tree, sort_keys=False)
    assert yaml.safe_load(after) != yaml.safe_load(before), "the edit changes nothing"
    config.write_text(after)


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

    for group, edits in groups().items():
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
    _edit(world.config, changed("services.environment", {"TEMPLATE": "2"}))
    world.cdk.deploy("Shop")
    figures.look(world, "cdk deploy Shop", expected)
    world.cdk.deploy(revert_drift=True)
    figures.look(world, "cdk deploy --all --revert-drift", expected)
    _edit(world.config, changed("services.environment", {"TEMPLATE": "broken"}))
    with pytest.raises(LocalCloudError):
        world.cdk.deploy("Shop")
    figures.look(world, "a deployment that fails", expected)
    figures.tried += ["one stack", "--revert-drift", "a failed deployment"]

    with capsys.disabled():
        print(f"\nedits deployed: {len(figures.tried)}, refused: {len(figures.refused)}, lost: {len(figures.lost)}")
    assert figures.lost == []
    assert figures.refused == list(REFUSED)
