"""The subcommands `releases` and `rollback`."""

from __future__ import annotations

import argparse
import json

from pythonbase_operations import services
from pythonbase_operations.aws import OperationError, client, explained
from pythonbase_operations.releases import history, rollback
from pythonbase_operations.releases.history import Release

_SHORT = 12


def add_releases_options(parser: argparse.ArgumentParser) -> None:
    """Options of `releases`."""
    _add_target(parser)
    parser.add_argument("--format", choices=("text", "json"), default="text")


def add_rollback_options(parser: argparse.ArgumentParser) -> None:
    """Options of `rollback`."""
    _add_target(parser)
    parser.add_argument(
        "--to", default="-1", metavar="DIGEST|-N", help="a released digest, or N releases back (default: -1)"
    )
    parser.add_argument("--reason", default="rollback", help="reason to record (default: rollback)")
    parser.add_argument("--now", action="store_true", help="stop a release in progress instead of waiting for it")


def _add_target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("service", metavar="SERVICE", help="name of the service")
    parser.add_argument("--environment", metavar="NAME", help="required if the service has several environments")


@explained
def run_releases(options: argparse.Namespace) -> int:
    """List the releases of a service."""
    ssm = client("ssm")
    names = services.find(ssm, options.service, options.environment)
    found = history.releases(ssm, names)
    kept = _kept(found)
    if options.format == "json":
        print(json.dumps([_described(release, kept) for release in found], indent=2))
        return 0
    current = ssm.get_parameter(Name=names.image_parameter)["Parameter"]["Value"]
    rows: list[tuple[str, ...]] = [("", "when", "commit", "digest", "base digest", "by", "why")]
    for index, release in enumerate(found):
        mark = "*" if index == 0 and release.image == current else ""
        rows.append((mark, *_row(release, kept)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def _kept(found: list[Release]) -> set[str]:
    digests: dict[str, list[str]] = {}
    for release in found:
        if release.digest:
            digests.setdefault(release.repository_uri, []).append(release.digest)
    ecr = client("ecr")
    return {digest for uri, asked in digests.items() for digest in history.kept_digests(ecr, uri, sorted(set(asked)))}


def _row(release: Release, kept: set[str]) -> tuple[str, ...]:
    gone = " (image deleted)" if release.digest and release.digest not in kept else ""
    base = release.base_image.partition("@")[2]
    return (
        f"{release.when:%Y-%m-%d %H:%M:%S}",
        release.commit[:_SHORT] or "-",
        (_short(release.digest) or "base image") + gone,
        _short(base) or "-",
        release.by or "-",
        release.why or "-",
    )


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:_SHORT]


def _described(release: Release, kept: set[str]) -> dict[str, object]:
    return {
        "version": release.version,
        "when": release.when.isoformat(),
        "image": release.image,
        "digest": release.digest,
        "base_image": release.base_image,
        "commit": release.commit,
        "by": release.by,
        "why": release.why,
        "image_exists": release.digest in kept,
    }


@explained
def run_rollback(options: argparse.Namespace) -> int:
    """Release an earlier image again."""
    ssm = client("ssm")
    names = services.find(ssm, options.service, options.environment)
    target = rollback.choose(history.releases(ssm, names), options.to)
    if target.digest not in history.kept_digests(client("ecr"), target.repository_uri, [target.digest]):
        raise OperationError(
            f"{target.digest} of commit {target.commit[:_SHORT]} is not in the repository {target.repository_uri} any "
            "more: choose another one with --to"
        )
    arn, caller = services.state_machine_arn(client("sts"), names)
    sfn = client("stepfunctions")
    others = rollback.running(sfn, arn)
    execution = rollback.start(sfn, arn, target, by=caller, why=options.reason, now=options.now)
    for other, since in others:
        does = "stops" if options.now else "waits for"
        hint = "" if options.now else "; --now stops it"
        print(f"{names.deployed}: {does} the release {other}, started at {since:%H:%M:%S}{hint}", flush=True)
    print(f"{names.deployed}: going back to {target.digest} (commit {target.commit[:_SHORT]}): {execution}", flush=True)
    rollback.wait(sfn, execution)
    print(f"{names.deployed}: runs {target.digest}, verified and recorded")
    return 0
