"""Runs the phases of a build. Executed inside the build container, so: standard library only.

Usage: ``python3 agent.py <directory>``. The directory holds ``plan.json``; the agent appends one JSON line an event to
``events.jsonl`` and leaves the final environment in ``environment.json``. Commands of all phases run in one shell. A
command that ends the shell (``exit``, or any failure under ``set -e``) fails its phase; a new shell with the variables
that were exported before takes over, so that ``finally`` and ``post_build`` still run.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

# The shell's side: run one step file at a time, report its status, save what it exported. Descriptors 8 and 9 are
# hidden from the commands, and their standard input is empty, so that no command can disturb the conversation.
_LOOP = """
exec 8<"$CODEBUILD_AGENT_DIR/steps" 9>"$CODEBUILD_AGENT_DIR/statuses"
while IFS= read -r CODEBUILD_STEP <&8; do
  . "$CODEBUILD_STEP" 8<&- 9>&- </dev/null
  CODEBUILD_STEP_STATUS=$?
  { set +x; } 2>/dev/null
  export -p > "$CODEBUILD_AGENT_DIR/exported" 2>/dev/null
  pwd > "$CODEBUILD_AGENT_DIR/directory"
  echo "$CODEBUILD_STEP_STATUS" >&9
done
"""
_RESUME = """
if [ -f "$CODEBUILD_AGENT_DIR/exported" ]; then
  . "$CODEBUILD_AGENT_DIR/exported"
  cd "$(cat "$CODEBUILD_AGENT_DIR/directory")"
fi
"""
_POLL_SECONDS = 0.05
_SIGNALLED = 128


class Shell:
    """One shell that outlives its commands, restarted when a command ends it."""

    def __init__(self, directory: Path, shell: str, source: str) -> None:
        self._directory = directory
        self._shell = shell
        self._source = source
        self._process: subprocess.Popen[bytes] | None = None
        self._step = 0
        for name in ("steps", "statuses"):
            os.mkfifo(directory / name)
        # Read and write, so that opening never blocks and a shell's end is seen from its process, not from the pipe:
        # something that a command leaves in the background may keep the pipe open.
        self._steps = os.open(directory / "steps", os.O_RDWR)
        self._statuses = os.open(directory / "statuses", os.O_RDWR)

    def run(self, command: str, variables: dict[str, str]) -> int:
        """The exit status of a command; `variables` are exported before it."""
        self._step += 1
        path = self._directory / f"step-{self._step:04d}"
        exports = [f"export {name}={_quoted(value)}" for name, value in variables.items()]
        path.write_text("\n".join([*exports, command, ""]))
        if self._process is None:
            self._process = subprocess.Popen(  # noqa: S603 - a build runs what its buildspec says
                [self._shell, "-c", _RESUME + _LOOP],
                cwd=self._source,
                env=self._environment(),
            )
        os.write(self._steps, f"{path}\n".encode())
        while True:
            ended = self._process.poll() is not None
            readable, _, _ = select.select([self._statuses], [], [], 0 if ended else _POLL_SECONDS)
            if readable:
                return int(os.read(self._statuses, 64).split()[0])
            if ended:
                # The command took the shell with it: "exit 1", or any failure under "set -e".
                status = int(self._process.returncode)
                self._process = None
                return _SIGNALLED - status if status < 0 else status

    def environment(self, names: list[str]) -> dict[str, str]:
        """Values of exported variables as the last command left them."""
        script = _RESUME + 'for name in "$@"; do printenv "$name"; printf "\\000"; done'
        output = subprocess.run(  # noqa: S603 - our own script
            [self._shell, "-c", script, "agent", *names],
            stdout=subprocess.PIPE,
            check=False,
            env=self._environment(),
        ).stdout.decode()
        values = [value.removesuffix("\n") for value in output.split("\0")]
        return dict(zip(names, values, strict=False))

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "CODEBUILD_AGENT_DIR": str(self._directory)}


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "'\\''") + "'"


class Agent:
    """Walks through the phases."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._plan: dict[str, Any] = json.loads((directory / "plan.json").read_text())
        self._shell = Shell(directory, self._plan["shell"], self._plan["source"])
        self._succeeding = True

    def run(self) -> int:
        """0 when every phase succeeded."""
        aborted = False
        for phase in self._plan["phases"]:
            # A failed build phase still runs post_build; a failed install or pre_build ends the build.
            if not self._succeeding and (aborted or phase["name"] != "POST_BUILD"):
                continue
            failure = self._run_phase(phase)
            if failure and phase["onFailure"] != "CONTINUE":
                self._succeeding = False
                aborted = phase["name"] in ("INSTALL", "PRE_BUILD")
        values = self._shell.environment(self._plan["exported"]) if self._plan["exported"] else {}
        (self._directory / "environment.json").write_text(json.dumps(values))
        return 0 if self._succeeding else 1

    def _run_phase(self, phase: dict[str, Any]) -> str:
        """Empty when the phase succeeded, else why not."""
        name = phase["name"]
        self._say(f"Entering phase {name}")
        self._event(phase=name, started=time.time())
        failure = self._run_commands(phase["commands"], name)
        late_failure = self._run_commands(phase["finally"], name)
        failure = failure or late_failure
        self._say(f"Phase complete: {name} State: {'FAILED' if failure else 'SUCCEEDED'}")
        self._say(f"Phase context status code: {'COMMAND_EXECUTION_ERROR' if failure else ''} Message: {failure}")
        self._event(phase=name, ended=time.time(), failure=failure)
        return failure

    def _run_commands(self, commands: list[str], phase: str) -> str:
        for command in commands:
            self._say(f"Running command {command}")
            variables = {"CODEBUILD_BUILD_SUCCEEDING": "1" if self._succeeding else "0", "CODEBUILD_PHASE": phase}
            status = self._shell.run(command, variables)
            if status != 0:
                self._say(f"Command did not exit successfully {command} exit status {status}")
                return f"Error while executing command: {command}. Reason: exit status {status}"
        return ""

    @staticmethod
    def _say(text: str) -> None:
        print(f"[Container] {time.strftime('%Y/%m/%d %H:%M:%S')} {text}", flush=True)

    def _event(self, **members: Any) -> None:
        with (self._directory / "events.jsonl").open("a") as file:
            file.write(json.dumps(members) + "\n")


if __name__ == "__main__":
    sys.exit(Agent(Path(sys.argv[1])).run())
