"""The command `pythonbase`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

_EXTRA = {"boto3", "botocore", "dockerfile", "yaml"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; returns the exit code. What is wrong is one line, not a traceback."""
    try:
        # What subcommands need is installed with the extra only, and the library's users may not have it.
        from pythonbase_operations.adopt import command  # noqa: PLC0415
        from pythonbase_operations.doctor import command as doctor_command  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        print(f"pythonbase: {error.name} is missing; pip install 'pythonbase[operations]'", file=sys.stderr)
        return 2
    parser = argparse.ArgumentParser(prog="pythonbase", description="Operate a platform, or move to it.")
    subcommands = parser.add_subparsers(dest="command", required=True)
    adopt = subcommands.add_parser(
        "adopt",
        help="list what a repository takes from Docker Hub, and rewrite its Dockerfiles",
        description="List every reference to Docker Hub, what the builder does with it, and what to write instead.",
        epilog="Exit codes: 0 done; 1 with --check: a build would be refused; "
        "2 with --check: a file could not be read; always: wrong options or nothing at PATH.",
    )
    command.add_options(adopt)
    adopt.set_defaults(run=command.run)
    doctor = subcommands.add_parser(
        "doctor",
        help="list what is wrong with the platform, and how to repair it",
        description="Compare what the configuration declares with the account, and say what to do.",
        epilog="Exit codes: 0 good, or warnings only; 1 errors; 2 it could not run: no credentials, no such file.",
    )
    doctor_command.add_options(doctor)
    doctor.set_defaults(run=doctor_command.run)
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        return 130
