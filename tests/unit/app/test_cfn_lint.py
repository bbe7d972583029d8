"""cfn-lint over the templates of the default platform.yaml: a second opinion, by AWS's resource schemas."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.unit.conftest import Synthesized
from tests.unit.synthesis import REGION

# Rule to the reason for which it is not applied.
IGNORED = {
    "E3601": "it takes the partition in the ARNs of a state machine's tasks for text; CloudFormation substitutes it",
    "W3005": "CDK waits for a role together with its policies; for the role alone the reference would do",
}


def _lint(*files: Path, ignored: list[str]) -> list[dict[str, Any]]:
    command = [str(Path(sys.executable).parent / "cfn-lint"), "--format", "json", "--regions", REGION]
    for rule in ignored:
        command += ["--ignore-checks", rule]
    done = subprocess.run([*command, "--", *map(str, files)], capture_output=True, text=True, check=False, timeout=120)
    assert not done.stderr, done.stderr
    findings: list[dict[str, Any]] = json.loads(done.stdout or "[]")
    return findings


def test_the_default_platform_has_no_findings(synthesized: Synthesized) -> None:
    files = sorted(synthesized.first.glob("*.template.json"))
    assert len(files) == 5
    found = _lint(*files, ignored=[*IGNORED])
    assert [(item["Rule"]["Id"], item["Filename"], item["Message"]) for item in found] == []


def test_each_ignored_rule_has_findings_that_need_it(synthesized: Synthesized) -> None:
    found = _lint(synthesized.first / "Hello.template.json", ignored=[])
    assert {item["Rule"]["Id"] for item in found} == set(IGNORED)


def test_a_broken_template_is_found(tmp_path: Path) -> None:
    broken = tmp_path / "broken.template.json"
    broken.write_text(json.dumps({"Resources": {"R": {"Type": "AWS::ECR::Repository", "Properties": {"Nam": "x"}}}}))
    assert [item["Level"] for item in _lint(broken, ignored=[*IGNORED])] == ["Error"]
