"""Templates for any account and Region, with and without the flags of cdk.json."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment
from cdk_nag import AwsSolutionsChecks

from pythonbase_settings import Settings
from stacks.platform import add_platform
from tests.unit.app.test_nag import MATRIX, SECRETS
from tests.unit.application import Application, copy_of_the_repository
from tests.unit.synthesis import ACCOUNT, CONTEXT, REGION, ROOT

_LITERALS = "@aws-cdk/core:enablePartitionLiterals"
CONTEXTS: dict[str, Mapping[str, Any]] = {
    "cdk.json": CONTEXT,
    "no partition literals": {key: value for key, value in CONTEXT.items() if key != _LITERALS},
    "none": {},
}

EVERYTHING: dict[str, Any] = {
    "bitbucket": {"status_credentials": "bitbucket/statuses"},
    "docker_hub": {"official_images": "pull-through-cache"},
    "notifications": {"topic": f"arn:aws:sns:{REGION}:{ACCOUNT}:releases"},
    "environments": [{"name": "staging", "network": {"nat_gateways": 1}}],
    "base_images": [
        {"name": "pythonbase", "upstream": "docker.io/library/python:3.13-slim", "upstream_credentials": "hub/ci"}
    ],
    "services": [
        {"name": "orders", "repository": "acme/orders", "pull_requests": True, "tags": ["v*"], "secrets": SECRETS}
        | {"environments": [{"name": "staging"}, {"name": "production", "approval": True}]},
        {"name": "api", "repository": "acme/api", "load_balancer": "internal", "deployment": {"server_errors": 5}},
        {"name": "worker", "repository": "acme/worker", "load_balancer": "none"},
    ],
}
"""What brings each construct into a template."""


def _synthesized(settings: Mapping[str, Any], env: Environment, context: Mapping[str, Any]) -> App:
    """The application adds cdk-nag itself: a finding raises here."""
    app = App(context=dict(context))
    add_platform(app, Settings.model_validate(settings), config=ROOT / "platform.yaml", env=env)
    app.synth()
    return app


@pytest.mark.parametrize("context", CONTEXTS)
def test_the_application_synthesizes_without_account_and_region(context: str) -> None:
    app = _synthesized(EVERYTHING, Environment(), CONTEXTS[context])
    # Reads the findings directly, in case no plugin ran.
    assert AwsSolutionsChecks(app).validate_scope(app).success


@pytest.mark.parametrize("context", CONTEXTS)
def test_stages_elsewhere_need_no_flag(context: str) -> None:
    settings = MATRIX["environments in other accounts and Regions"]
    app = _synthesized(settings, Environment(account=ACCOUNT, region=REGION), CONTEXTS[context])
    assert AwsSolutionsChecks(app).validate_scope(app).success


def test_app_py_runs_without_credentials_and_without_an_environment_in_the_settings(tmp_path: Path) -> None:
    application = Application(copy_of_the_repository(tmp_path / "copy"), {})
    assert "environment:" not in re.sub("#.*", "", (application.root / "platform.yaml").read_text())
    assert (application.start(tmp_path / "out").succeeded() / "Hello.template.json").is_file()
