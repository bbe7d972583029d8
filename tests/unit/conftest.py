"""Shared by the unit tests: one application that many tests only read, and an environment without access to AWS."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from aws_cdk.assertions import Template

from tests.unit.application import DEFAULTS, Application, copy_of_the_repository
from tests.unit.synthesis import ACCOUNT, REGION, SETTINGS, new_platform, platform_stacks


@pytest.fixture(scope="session")
def platform() -> dict[str, Template]:
    """Templates, by stack id, of an application with one base image and one service on an existing connection."""
    stacks = platform_stacks(new_platform(SETTINGS))
    return {stack_id: Template.from_stack(stack) for stack_id, stack in stacks.items()}


@pytest.fixture(autouse=True)
def _no_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """A unit test that calls AWS by mistake finds neither credentials nor an endpoint."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory with the folder of the default base image."""
    (tmp_path / "images" / "pythonbase").mkdir(parents=True)
    (tmp_path / "images" / "pythonbase" / "Dockerfile").write_text("FROM scratch\n")
    monkeypatch.chdir(tmp_path)
    return Path()


@dataclass(frozen=True)
class Synthesized:
    """The application synthesized three times."""

    first: Path
    """By one user."""
    second: Path
    """A second later, from another folder, by another user."""
    configured: Path
    """With another settings file, which names the account and Region that the environment had before."""
    roots: tuple[Path, Path]


@pytest.fixture(scope="session")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """The platform.yaml of this repository, synthesized by app.py in different circumstances."""
    folder = tmp_path_factory.mktemp("synthesized")
    alice = Application(
        copy_of_the_repository(folder / "alice"),
        {**DEFAULTS, "USER": "alice", "TZ": "UTC", "LANG": "C", "PYTHONHASHSEED": "0"},
    )
    first = alice.start(folder / "out" / "first")
    bob = Application(
        copy_of_the_repository(folder / "home of bob" / "checkouts" / "platform"),
        {**DEFAULTS, "USER": "bob", "TZ": "Asia/Kolkata", "LANG": "de_DE.UTF-8", "PYTHONHASHSEED": "4242"}
        | {"TMPDIR": str(tmp_path_factory.mktemp("bob")), "AWS_PROFILE": "bob", "AWS_REGION": "us-west-2"},
    )
    other = alice.root / "other.yaml"
    environment = f'environment:\n  account: "{ACCOUNT}"\n  region: {REGION}\n'
    other.write_text(environment + (alice.root / "platform.yaml").read_text())
    time.sleep(1)
    second = bob.start(folder / "out" / "second")
    configured = Application(alice.root, {"USER": "alice"}).start(folder / "out" / "configured", config="other.yaml")
    return Synthesized(first.succeeded(), second.succeeded(), configured.succeeded(), (alice.root, bob.root))
