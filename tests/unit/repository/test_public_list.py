"""The public names of the library stay importable, and its docstring describes its subpackages."""

from __future__ import annotations

import importlib
import pkgutil
import re
import tomllib

import pythonbase
from tests.unit.synthesis import ROOT

PUBLIC = [
    "BITBUCKET_API",
    "CONTAINER_NAME",
    "DEFAULT_UPSTREAM",
    "MOVING_TAG",
    "AppPipeline",
    "ArtifactBucket",
    "BaseImage",
    "BaseImageReference",
    "BitbucketSource",
    "BuildOptions",
    "BuildQueueWatch",
    "BuildStatuses",
    "ConnectionWatch",
    "Deployment",
    "DeploymentStrategy",
    "DockerHubCheck",
    "FailureAlarms",
    "IBaseImage",
    "LoadBalancing",
    "Mirror",
    "Network",
    "PullRequestBuilds",
    "ReleaseMachine",
    "ReleaseNames",
    "ReleaseNotifications",
    "ReleaseParameters",
    "ReleaseRepository",
    "ReleaseStage",
    "ReleaseStarter",
    "ReleaseState",
    "ServiceImage",
    "SourcePolicy",
    "TaskSize",
    "WebService",
]


def test_the_public_list_is_what_teams_know() -> None:
    assert pythonbase.__all__ == PUBLIC
    assert [name for name in PUBLIC if not hasattr(pythonbase, name)] == []


def test_removal_is_imported_by_the_name_that_docs_give() -> None:
    assert callable(importlib.import_module("pythonbase.removal").remove_with_stack)


def test_the_library_says_its_subpackages_in_the_order_that_lint_checks() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (layers,) = (
        contract["layers"] for contract in settings["contracts"] if contract.get("containers") == ["pythonbase"]
    )
    checked = [name.strip() for layer in layers for name in layer.split("|") if name != "removal"]
    assert re.findall(r"``(\w+)``", (pythonbase.__doc__ or "").partition("checks it):")[2])[: len(checked)] == checked


def test_each_subpackage_says_in_one_sentence_what_it_is_for() -> None:
    subpackages = [module.name for module in pkgutil.iter_modules(pythonbase.__path__) if module.ispkg]
    for name in subpackages:
        text = importlib.import_module(f"pythonbase.{name}").__doc__ or ""
        assert len(re.findall(r"\.(?=\s|$)", text)) == 1, name
