"""The command `python -m pythonbase_localcloud`: demo, up, down, clean, status, env."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from pythonbase_localcloud import instance
from pythonbase_localcloud.machine.commands import exit_code
from pythonbase_localcloud.machine.progress import reporter
from pythonbase_localcloud.setup import lifecycle


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    return exit_code(lambda: _run(options))


def _run(options: argparse.Namespace) -> None:
    found = instance.find()
    if options.command == "demo":
        # only this command deploys, and needs what deploys
        from pythonbase_localcloud.demo.run import run_demo  # noqa: PLC0415

        print(run_demo(found, options.config or Path("platform.yaml"), reporter()).text())
    elif options.command == "up":
        account, region, upstreams = _target(options)
        lifecycle.up(found, account=account, region=region, upstreams=upstreams)
    elif options.command == "down":
        lifecycle.down(found)
    elif options.command == "clean":
        lifecycle.clean(found)
    elif options.command == "status":
        print("\n".join(lifecycle.status(found)))
    else:
        account, region, _ = _target(options)
        print(found.shell_exports(account=account, region=region), end="")


def _target(options: argparse.Namespace) -> tuple[str, str, list[str]]:
    """Account, region and upstream images: of the configuration file if one is named, else of the options."""
    upstreams = list(getattr(options, "upstream", None) or ())
    if options.config is None:
        account = options.account or os.environ.get("CDK_DEFAULT_ACCOUNT") or instance.DEFAULT_ACCOUNT
        region = options.region or os.environ.get("CDK_DEFAULT_REGION") or instance.DEFAULT_REGION
        return account, region, upstreams or list(lifecycle.DEFAULT_UPSTREAMS)
    # reading the file takes the application's settings model, which nothing else here needs
    from pythonbase_localcloud.demo.configuration import Configuration  # noqa: PLC0415

    settings = Configuration.load(options.config)
    return options.account or settings.account, options.region or settings.region, [*settings.upstreams, *upstreams]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pythonbase_localcloud", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser("demo", help="start the local cloud, deploy the application, release its services")
    start = commands.add_parser("up", help="start the local cloud; repeated: bring it up to date")
    start.add_argument("--upstream", action="append", metavar="IMAGE", help="image that builds start from; repeatable")
    commands.add_parser("down", help="stop everything it started, keep its state")
    commands.add_parser("clean", help="down, and remove everything it made")
    commands.add_parser("status", help="say what runs")
    export = commands.add_parser("env", help="print shell exports for boto3, the CDK CLI and docker")
    for command in (demo, start, export):
        command.add_argument("--config", type=Path, metavar="FILE", help="a platform.yaml to take the settings from")
    for command in (start, export):
        command.add_argument("--account", help=f"12 digits (default: the file's, else {instance.DEFAULT_ACCOUNT})")
        command.add_argument("--region", help=f"default: the file's, else {instance.DEFAULT_REGION}")
    return parser
