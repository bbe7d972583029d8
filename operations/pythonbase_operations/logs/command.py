"""The subcommand `logs`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from pythonbase_operations import services
from pythonbase_operations.aws import OperationError, client, explained
from pythonbase_operations.logs import builds, executions
from pythonbase_operations.logs.builds import Build
from pythonbase_operations.logs.durations import duration
from pythonbase_operations.logs.streams import Line, Stream
from pythonbase_operations.logs.tasks import RunningTasks
from pythonbase_operations.names import Names
from pythonbase_operations.printing import count, one_line

_POLL_SECONDS = 2.0
_POLLS_A_LOOK = 5
"""After so many polls, new tasks are looked for."""
_DEFAULT = timedelta(minutes=10)
_CUT = "the oldest lines are left out: there are too many"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    parser.add_argument("service", metavar="SERVICE", help="name of the service")
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--build",
        nargs="?",
        const="",
        metavar="COMMIT|ID",
        help="the log of the last build, or of a commit's or an ID's; after SERVICE",
    )
    what.add_argument("--release", action="store_true", help="the steps of the last release, and what ECS reported")
    parser.add_argument("--environment", metavar="NAME", help="required if the service has several environments")
    parser.add_argument(
        "--since",
        type=duration,
        metavar="DURATION",
        help="lines since 10m, 2h or 1d (default: 10m of what runs, all lines of a build)",
    )
    parser.add_argument("--follow", action="store_true", help="print new lines, until Ctrl-C or the end of the build")


@explained
def run(options: argparse.Namespace) -> int:
    """Print a log."""
    if options.build is not None:
        return _build(options)
    if options.release and (options.follow or options.since):
        raise OperationError("--release prints the whole release: leave out --follow and --since")
    names = services.find(client("ssm"), options.service, options.environment)
    arn, _ = services.state_machine_arn(client("sts"), names)
    sfn = client("stepfunctions")
    if options.release:
        return _release(sfn, arn, names)
    return _tasks(options, names, services.cluster_of(sfn, arn))


def _tasks(options: argparse.Namespace, names: Names, cluster: str) -> int:
    ecs = client("ecs")
    since = datetime.now(UTC) - (options.since or _DEFAULT)
    tasks = RunningTasks(ecs, client("logs"), cluster=cluster, service=names.deployed, since=since)
    tasks.look()
    if not tasks.running and not options.follow:
        raise OperationError(nothing_runs(ecs, names, cluster))
    lines = tasks.newest()
    others = f"; {tasks.more} more are not read" if tasks.more else ""
    _say(f"{names.deployed}: {count(len(tasks.running), 'task')}, lines since {since.astimezone():%H:%M:%S}{others}")
    if tasks.is_cut:
        _say(_CUT)
    _print(lines)
    if not lines and not options.follow:
        _say("no lines: name a longer time with --since")
    polls = 0
    while options.follow:
        time.sleep(_POLL_SECONDS)
        _print(tasks.added())
        polls += 1
        if polls % _POLLS_A_LOOK == 0:
            tasks.look()
    return 0


def nothing_runs(ecs: Any, names: Names, cluster: str) -> str:
    """Why there is no log of what runs, in one line."""
    found = ecs.describe_services(cluster=cluster, services=[names.deployed])["services"]
    event = next((item["message"] for item in found[0].get("events") or []), "") if found else ""
    reason = f": {one_line(event)}" if event else ""
    return f"no task of {names.deployed} runs; see --release{reason}"


def _build(options: argparse.Namespace) -> int:
    codebuild, logs = client("codebuild"), client("logs")
    build = builds.find(codebuild, builds.project_of(client("codepipeline"), options.service), options.build)
    since = datetime.now(UTC) - options.since if options.since else None
    stream = builds.stream_of(logs, build, since=since)
    log = _texts(stream.newest()) if stream else []
    _say(builds.described(build))
    if stream and stream.is_cut:
        _say(_CUT)
    if builds.has_failed(build):
        _print([*builds.reason(build, log), ""])
    _print(log)
    if not log and build["buildComplete"]:
        _say("no lines: the build ended before --since" if since else "no lines: the log does not exist")
    if options.follow and not build["buildComplete"]:
        _follow_build(codebuild, logs, build, stream, log)
    return 0


def _follow_build(codebuild: Any, logs: Any, build: Build, stream: Stream | None, log: list[str]) -> None:
    """Print what a build adds to its log; at its end, the result."""
    while not build["buildComplete"]:
        time.sleep(_POLL_SECONDS)
        build = builds.again(codebuild, build)
        if build["buildComplete"]:
            time.sleep(_POLL_SECONDS)  # the last lines come in late
        stream = stream or builds.stream_of(logs, build, since=None)
        added = _texts(stream.added()) if stream else []
        log += added
        _print(added)
    _say(builds.described(build))
    if builds.has_failed(build):
        _print(["", *builds.reason(build, log)])


def _release(sfn: Any, arn: str, names: Names) -> int:
    execution = executions.last(sfn, arn)
    events = executions.service_events(
        client("ecs"), cluster=services.cluster_of(sfn, arn), service=names.deployed, execution=execution
    )
    steps = executions.steps(executions.history(sfn, execution))
    _say(executions.described(execution))
    if reason := executions.reason(execution):
        _print([*reason, ""])
    _print(steps)
    if events:
        _print(["", *events])
    return 0


def _texts(lines: Iterable[Line]) -> list[str]:
    return [line.text for line in lines]


def _say(text: str) -> None:
    """What is not a line of the log goes to stderr."""
    print(text, file=sys.stderr, flush=True)


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)
    sys.stdout.flush()
