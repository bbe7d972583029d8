"""Running other programs: one place, so that every failure says what ran and what it printed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_TAIL_LINES = 15
"""How much of a failed program's output goes into the error; the rest is in its log file."""


class LocalCloudError(Exception):
    """Something that the user has to know or to do; shown as one message, without a traceback."""


class CommandError(LocalCloudError):
    """A program ended with an error or took too long."""


def exit_code(command: Callable[[], None]) -> int:
    """Run a command of the user's; mistakes and missing things are one message, not a traceback."""
    try:
        command()
    except LocalCloudError as error:
        print(f"localcloud: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("localcloud: interrupted; what runs is stopped by `down`", file=sys.stderr)
        return 130
    return 0


def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: bytes | None = None,
    log: Path | None = None,
    timeout: float = 600.0,
) -> str:
    """Run a program to its end and return what it wrote to standard output.

    `env` replaces the environment (left out: inherited). `stdin` is fed to the program (left out: empty).
    `log` is a file that all output goes to instead of being returned (left out: returned).
    `timeout` is in seconds. Raises `CommandError` with the last lines of output if the program is missing, fails or
    takes longer.
    """
    words = [os.fspath(word) for word in argv]
    try:
        if log is not None:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("ab") as sink:
                # the caller gives the program; nothing passes a shell
                subprocess.run(  # noqa: S603
                    words, env=env, cwd=cwd, input=stdin or b"", stdout=sink, stderr=sink, timeout=timeout, check=True
                )
            return ""
        done = subprocess.run(  # noqa: S603
            words, env=env, cwd=cwd, input=stdin or b"", capture_output=True, timeout=timeout, check=True
        )
    except FileNotFoundError as error:
        raise CommandError(f"the program {words[0]} is not there ({error.strerror})") from None
    except subprocess.TimeoutExpired:
        raise CommandError(f"took longer than {timeout:.0f} s: {' '.join(words)}{_tail(b'', log)}") from None
    except subprocess.CalledProcessError as error:
        output = (error.stdout or b"") + (error.stderr or b"")
        raise CommandError(f"exit code {error.returncode}: {' '.join(words)}{_tail(output, log)}") from None
    return done.stdout.decode(errors="replace")


def detach(
    argv: Sequence[str | Path],
    *,
    log: Path,
    descriptors: Sequence[int] = (),
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    """Start a program that outlives this process, in a session of its own and as nobody's child here.

    `descriptors` are file descriptors that it inherits; all it prints goes to `log`.
    """
    words = ["setsid", "--fork", *(os.fspath(word) for word in argv)]
    with log.open("ab") as sink:
        # the caller gives the program; nothing passes a shell
        subprocess.run(  # noqa: S603
            words,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            pass_fds=tuple(descriptors),
            check=True,
        )


def _tail(output: bytes, log: Path | None) -> str:
    text = log.read_text(errors="replace") if log is not None else output.decode(errors="replace")
    lines = text.strip().splitlines()[-_TAIL_LINES:]
    return "".join(f"\n    {line}" for line in lines) + (f"\n    (all of it: {log})" if log is not None else "")
