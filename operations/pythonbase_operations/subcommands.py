"""The subcommands and their options."""

from __future__ import annotations

import argparse

from pythonbase_operations.adopt import command as adopt
from pythonbase_operations.aws import OperationError
from pythonbase_operations.doctor import command as doctor
from pythonbase_operations.logs import command as logs
from pythonbase_operations.releases import command as releases

__all__ = ["OperationError", "parser"]


def parser() -> argparse.ArgumentParser:
    """The parser of the command line. ``run`` of the parsed options is the subcommand's function."""
    top = argparse.ArgumentParser(prog="pythonbase", description="Operate a platform, or move to it.")
    subcommands = top.add_subparsers(dest="command", required=True)
    adopting = subcommands.add_parser(
        "adopt",
        help="list a repository's references to Docker Hub, and rewrite its Dockerfiles",
        description="List every reference to Docker Hub, what the builder does with it, and what to write instead.",
        epilog="Exit codes: 0 success; 1 with --check: a build would be refused; "
        "2 with --check: a file could not be read; always: wrong options, or PATH does not exist.",
    )
    adopt.add_options(adopting)
    adopting.set_defaults(run=adopt.run)
    listing = subcommands.add_parser(
        "releases",
        help="list the releases of a service",
        description="List the releases of a service: time, commit, digest, base image, author and reason.",
    )
    releases.add_releases_options(listing)
    listing.set_defaults(run=releases.run_releases)
    going_back = subcommands.add_parser(
        "rollback",
        help="go back to an earlier release of a service",
        description="Release an earlier image again, with the checks and the record of any release, without a build.",
        epilog="Exit codes: 0 the image runs and is recorded; 1 it does not, and the service runs the same as before.",
    )
    releases.add_rollback_options(going_back)
    going_back.set_defaults(run=releases.run_rollback)
    reading = subcommands.add_parser(
        "logs",
        help="print the log of a service, of its last build, or of its last release",
        description="Print what the running tasks of a service log, the log of its last build, or its last release.",
        usage="pythonbase logs SERVICE [--build [COMMIT|ID] | --release] [--environment NAME] [--since DURATION] "
        "[--follow]",
        epilog="Exit codes: 0 printed, also if the build or the release failed; 1 nothing to print; 2 wrong options.",
    )
    logs.add_options(reading)
    reading.set_defaults(run=logs.run)
    examining = subcommands.add_parser(
        "doctor",
        help="list problems of the platform, and how to fix them",
        description="Compare the configuration with the AWS account; report each problem and its fix.",
        epilog="Exit codes: 0 good, or warnings only; 1 errors; 2 it could not run: no credentials, no such file.",
    )
    doctor.add_options(examining)
    examining.set_defaults(run=doctor.run)
    return top
