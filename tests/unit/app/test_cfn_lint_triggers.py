"""cfn-lint over pipelines with every kind of trigger: AWS's resource schema is the judge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App

from tests.unit.app.test_cfn_lint import IGNORED, _lint
from tests.unit.synthesis import SETTINGS, new_platform

_SERVICE: dict[str, Any] = {
    **SETTINGS["services"][0],
    "tags": ["v*"],
    "paths": ["services/orders/**"],
    "pull_requests": True,
    "test": "python -m pytest --junitxml=/reports/junit.xml",
}


@pytest.fixture(scope="module")
def templates() -> Path:
    app: App = new_platform({**SETTINGS, "services": [_SERVICE]})
    return Path(app.synth().directory)


def test_triggers_for_branch_path_tag_and_pull_request_have_no_findings(templates: Path) -> None:
    template = json.loads((templates / "Orders.template.json").read_text())
    filters = [
        (kind, set(item))
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::CodePipeline::Pipeline"
        for trigger in resource["Properties"]["Triggers"]
        for kind in ("Push", "PullRequest")
        for item in trigger["GitConfiguration"].get(kind, [])
    ]
    assert sorted(filters, key=str) == sorted(
        [
            ("Push", {"Branches", "FilePaths"}),
            ("Push", {"Tags"}),
            ("PullRequest", {"Branches", "Events", "FilePaths"}),
        ],
        key=str,
    )
    found = _lint(*sorted(templates.glob("*.template.json")), ignored=[*IGNORED])
    assert [(item["Rule"]["Id"], item["Filename"], item["Message"]) for item in found] == []


@pytest.mark.parametrize(("kind", "wrong"), [("Push", "FilePath"), ("PullRequest", "Tags")])
def test_a_filter_that_codepipeline_does_not_know_is_found(
    templates: Path, tmp_path: Path, kind: str, wrong: str
) -> None:
    template = json.loads((templates / "Orders.template.json").read_text())
    for resource in template["Resources"].values():
        for trigger in resource.get("Properties", {}).get("Triggers", []):
            for item in trigger["GitConfiguration"].get(kind, []):
                item[wrong] = {"Includes": ["x"]}
    broken = tmp_path / "broken.template.json"
    broken.write_text(json.dumps(template))
    assert wrong in " ".join(item["Message"] for item in _lint(broken, ignored=[*IGNORED]))
