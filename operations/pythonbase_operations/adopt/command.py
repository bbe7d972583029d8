"""The subcommand `adopt`: options, and exit codes."""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path

from pythonbase_buildspecs import Mirror
from pythonbase_operations.adopt import documents, sarif, texts
from pythonbase_operations.adopt.convention import BASE_IMAGE_CONVENTION, Convention, account_id_convention
from pythonbase_operations.adopt.model import FileError
from pythonbase_operations.adopt.policy import Choices, Platform, PolicyError, platform
from pythonbase_operations.adopt.rewrite import rewrite
from pythonbase_operations.adopt.survey import Survey, survey

REFUSED, UNREADABLE = 1, 2
"""Exit codes: with --check, a build would be refused; a file could not be read, or the options are wrong."""

_REGION = re.compile(r"[a-z]{2,}(?:-[a-z]+)+-\d+")
_REPOSITORY = re.compile(r"[a-z0-9]+(?:[._/-][a-z0-9]+)*")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="repository, folder or file")
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--check", action="store_true", help="exit 1: a build would be refused; 2: a file was not read")
    action.add_argument("--write", action="store_true", help="rewrite Dockerfiles to the convention")
    parser.add_argument("--format", choices=("text", "json", "sarif"), default="text")
    parser.add_argument(
        "--convention", choices=("base-image", "account-id"), default="base-image", help="default: base-image"
    )
    parser.add_argument("--region", help="Region in the account-id convention (default: from --config, AWS_REGION)")
    parser.add_argument("--base-image-name", metavar="NAME", help="default: the first one of --config, or pythonbase")
    parser.add_argument("--config", type=Path, metavar="FILE", help="a platform.yaml to read the policy from")
    parser.add_argument(
        "--stands-in-for",
        nargs="+",
        action="extend",
        metavar="IMAGE",
        help="images that the base image replaces; repeatable (default: python:3.13 and python:3.13-slim)",
    )
    parser.add_argument("--official-images", choices=[mirror.value for mirror in Mirror], help="default: deny")
    others = [mirror.value for mirror in Mirror if mirror is not Mirror.ECR_PUBLIC]
    parser.add_argument("--other-images", choices=others, help="default: deny")


def run(options: argparse.Namespace) -> int:
    """Read the files, rewrite them with ``--write``, print the report; returns the exit code."""
    missing = [path for path in options.paths if not os.path.lexists(path)]
    if missing:
        return _complain(f"{missing[0]}: no such file or folder")
    try:
        chosen = platform(
            Choices(
                config=options.config,
                base_image=options.base_image_name,
                stands_in_for=options.stands_in_for,
                official_images=options.official_images,
                other_images=options.other_images,
            )
        )
        convention = _convention(options, chosen)
    except PolicyError as error:
        return _complain(str(error))
    found = survey(options.paths, chosen.policy, convention)
    rewritten = None
    if options.write:
        try:
            rewritten = rewrite(found, convention)
        except FileError as error:
            return _complain(error.message)
    sys.stdout.write(_report(options, found, rewritten))
    if options.check and found.problems:
        return UNREADABLE
    return REFUSED if options.check and found.fails else 0


def _convention(options: argparse.Namespace, chosen: Platform) -> Convention:
    if options.convention == "base-image":
        return BASE_IMAGE_CONVENTION
    region = (
        options.region or chosen.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""
    )
    if not _REGION.fullmatch(region):
        raise PolicyError(f"--convention account-id needs --region, such as eu-west-1; got {region!r}")
    if not _REPOSITORY.fullmatch(chosen.base_image):
        raise PolicyError(f"--base-image-name must be the name of an ECR repository, got {chosen.base_image!r}")
    return account_id_convention(region=region, base_image=chosen.base_image)


def _report(options: argparse.Namespace, found: Survey, rewritten: list[str] | None) -> str:
    if options.format == "json":
        return documents.render(found, rewritten=rewritten)
    if options.format == "sarif":
        return sarif.render(found)
    return texts.render(found, searched=[str(path) for path in options.paths], rewritten=rewritten)


def _complain(message: str) -> int:
    print(f"pythonbase adopt: {message}", file=sys.stderr)
    return UNREADABLE
