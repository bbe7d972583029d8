"""The subcommands and their options."""

from __future__ import annotations

import argparse

from pythonbase_operations.adopt import command as adopt
from pythonbase_operations.aws import OperationError
from pythonbase_operations.doctor import command as doctor
from pythonbase_operations.releases import command as releases

__all__ = ["OperationError", "parser"]


def parser() -> argparse.ArgumentParser:
    """The parser of the command line. Options have the function that runs them as ``run``."""
    top = argparse.ArgumentParser(prog="pythonbase", description="Operate a platform, or move to it.")
    subcommands = top.add_subparsers(dest="command", required=True)
    adopting = subcommands.add_parser(
        "adopt",
        help="list what a repository takes from Docker Hub, and rewrite its Dockerfiles",
        description="List every reference to Docker Hub, what the builder does with it, and what to write instead.",
        epilog="Exit codes: 0 done; 1 with --check: a build would be refused; "
        "2 with --check: a file could not be read; always: wrong options or nothing at PATH.",
    )
    adopt.add_options(adopting)
    adopting.set_defaults(run=adopt.run)
    listing = subcommands.add_parser(
        "releases",
        help="list what a service has released",
        description="List when which commit and digest was released, on which base image, by whom and why.",
    )
    releases.add_releases_options(listing)
    listing.set_defaults(run=releases.run_releases)
    going_back = subcommands.add_parser(
        "rollback",
        help="go back to an earlier release of a service",
        description="Release an earlier image again: the same checks, the same record, nothing is built.",
        epilog="Exit codes: 0 it runs and is recorded; 1 it does not, and the service runs what it ran before.",
    )
    releases.add_rollback_options(going_back)
    going_back.set_defaults(run=releases.run_rollback)
    examining = subcommands.add_parser(
        "doctor",
        help="list what is wrong with the platform, and how to repair it",
        description="Compare what the configuration declares with the account, and say what to do.",
        epilog="Exit codes: 0 good, or warnings only; 1 errors; 2 it could not run: no credentials, no such file.",
    )
    doctor.add_options(examining)
    examining.set_defaults(run=doctor.run)
    return top
