"""The app of another team, and the page that explains it."""

from __future__ import annotations

import re
import runpy
from typing import Any

import pytest
from aws_cdk import App
from cdk_nag import AwsSolutionsChecks

from pythonbase import DockerHubCheck
from tests.unit.synthesis import ROOT

CONSUMER = ROOT / "examples" / "consumer"


def _examples() -> list[str]:
    page = (ROOT / "docs" / "constructs.md").read_text()
    return re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def test_the_page_shows_the_app_as_it_is() -> None:
    _, _, code = (CONSUMER / "app.py").read_text().partition('"""\n\n')
    assert _examples()[0] == code


def test_the_app_synthesizes_and_passes_cdk_nag(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CDK_CONTEXT_JSON", "CDK_OUTDIR"):
        monkeypatch.delenv(name, raising=False)
    app = runpy.run_path(str(CONSUMER / "app.py"))["app"]
    assert {stack.stack_name for stack in app.synth().stacks} == {"Pythonbase", "OrdersState", "Orders"}
    assert AwsSolutionsChecks(app).validate_scope(app).success


def test_the_check_of_the_page_is_added_to_any_app() -> None:
    names: dict[str, Any] = {"app": App()}
    exec(compile(_examples()[1], "docs/constructs.md", "exec"), names)  # noqa: S102 - our own page
    assert names["DockerHubCheck"] is DockerHubCheck
