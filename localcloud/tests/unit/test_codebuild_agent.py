"""The program that runs a buildspec's phases, on this machine's shells."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pythonbase_localcloud.aws.codebuild import agent


@pytest.fixture(params=["sh", "bash"])
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Run:
    """One run of the agent."""

    def __init__(self, folder: Path, shell: str, phases: list[dict[str, Any]], exported: list[str]) -> None:
        source, control = folder / "src", folder / "agent"
        source.mkdir()
        control.mkdir()
        (control / "plan.json").write_text(
            json.dumps({"shell": shell, "source": str(source), "exported": exported, "phases": phases})
        )
        done = subprocess.run(
            [sys.executable, agent.__file__, str(control)], capture_output=True, text=True, check=False, timeout=60
        )
        self.status = done.returncode
        self.output = done.stdout
        self.said = [line for line in done.stdout.splitlines() if not line.startswith("[Container]")]
        self.exported = json.loads((control / "environment.json").read_text())
        events = [json.loads(line) for line in (control / "events.jsonl").read_text().splitlines()]
        self.failures = {event["phase"]: event["failure"] for event in events if "ended" in event}


def _phase(name: str, *commands: str, last: tuple[str, ...] = (), on_failure: str = "ABORT") -> dict[str, Any]:
    return {"name": name, "commands": list(commands), "finally": list(last), "onFailure": on_failure}


def test_variables_directory_and_functions_live_on_through_commands_and_phases(tmp_path: Path, shell: str) -> None:
    run = Run(
        tmp_path,
        shell,
        [
            _phase("PRE_BUILD", "plain=1; export SHARED=2", "mkdir sub && cd sub", "hello() { echo hello $1; }"),
            _phase(
                "BUILD",
                "echo $plain $SHARED",
                "basename $(pwd)",
                "hello you",
                'export RESULT="$(printf "two\\nlines")"',
            ),
        ],
        ["RESULT", "SHARED", "UNSET"],
    )
    assert run.status == 0
    assert run.said == ["1 2", "sub", "hello you"]
    assert run.exported == {"RESULT": "two\nlines", "SHARED": "2", "UNSET": ""}


def test_the_first_failing_command_ends_the_phase_and_post_build_still_runs(tmp_path: Path, shell: str) -> None:
    run = Run(
        tmp_path,
        shell,
        [
            _phase("BUILD", "echo one", "exit_with() { return 3; }; exit_with", "echo never", last=("echo finally",)),
            _phase("POST_BUILD", 'echo "succeeding $CODEBUILD_BUILD_SUCCEEDING"'),
        ],
        [],
    )
    assert run.status == 1
    assert run.said == ["one", "finally", "succeeding 0"]
    assert run.failures["BUILD"].endswith("Reason: exit status 3")
    assert run.failures["POST_BUILD"] == ""


@pytest.mark.parametrize(
    "command", ["exit 7", "set -e; (exit 7); echo never", "set -e; false_twice() { (exit 7); }; false_twice"]
)
def test_a_command_that_ends_the_shell_fails_with_its_status(tmp_path: Path, shell: str, command: str) -> None:
    run = Run(
        tmp_path,
        shell,
        [
            _phase("BUILD", "export KEPT=yes", command, last=("echo finally $KEPT",)),
            _phase("POST_BUILD", "echo post $KEPT"),
        ],
        ["KEPT"],
    )
    assert run.status == 1
    assert run.said == ["finally yes", "post yes"]
    assert run.failures["BUILD"].endswith("Reason: exit status 7")
    assert run.exported == {"KEPT": "yes"}


def test_strict_mode_set_in_one_command_holds_for_the_next(tmp_path: Path) -> None:
    run = Run(tmp_path, "bash", [_phase("BUILD", "set -euo pipefail", "false | cat; echo never")], [])
    assert (run.status, run.said) == (1, [])


@pytest.mark.parametrize("phase", ["INSTALL", "PRE_BUILD"])
def test_a_failure_before_the_build_phase_ends_the_build(tmp_path: Path, phase: str) -> None:
    run = Run(tmp_path, "sh", [_phase(phase, "false"), _phase("BUILD", "echo b"), _phase("POST_BUILD", "echo p")], [])
    assert (run.status, run.said) == (1, [])


def test_on_failure_continue_goes_on(tmp_path: Path) -> None:
    run = Run(tmp_path, "sh", [_phase("PRE_BUILD", "false", on_failure="CONTINUE"), _phase("BUILD", "echo built")], [])
    assert (run.status, run.said) == (0, ["built"])


def test_something_left_in_the_background_does_not_hold_the_build(tmp_path: Path, shell: str) -> None:
    run = Run(tmp_path, shell, [_phase("BUILD", "sleep 30 >/dev/null 2>&1 &", "echo done; exit 4")], [])
    assert (run.status, run.said) == (1, ["done"])


def test_commands_cannot_read_the_agents_conversation(tmp_path: Path, shell: str) -> None:
    run = Run(tmp_path, shell, [_phase("BUILD", "cat", "read -r line || echo nothing to read")], [])
    assert (run.status, run.said) == (0, ["nothing to read"])
