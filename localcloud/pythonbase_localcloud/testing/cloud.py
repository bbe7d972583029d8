"""One local cloud for all tests of a process: an instance of its own, so that a running demo is left alone."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pythonbase_localcloud.demo import aws_client
from pythonbase_localcloud.instance import DEFAULT_ACCOUNT, DEFAULT_REGION, Instance, find
from pythonbase_localcloud.machine.progress import reporter
from pythonbase_localcloud.setup import lifecycle

ROOT = Path(__file__).parents[3]
UPSTREAM = "public.ecr.aws/docker/library/python:3.13-slim"


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """A running local cloud."""

    instance: Instance
    account: str = DEFAULT_ACCOUNT
    region: str = DEFAULT_REGION

    @property
    def home(self) -> Path:
        """The instance's directory."""
        return self.instance.home

    @property
    def endpoint_url(self) -> str:
        """Where the embedded AWS answers."""
        return self.instance.endpoint_url

    @property
    def docker_host(self) -> str:
        """The engine of the local cloud."""
        return self.instance.docker_host

    def client(self, service: str, *, account: str | None = None) -> Any:
        """A boto3 client with the root credentials of an account."""
        return aws_client.client(self.instance, service, account=account or self.account, region=self.region)

    def environment(self) -> dict[str, str]:
        """Environment for programs that talk to the local cloud."""
        return {**os.environ, **self.instance.environment(account=self.account, region=self.region)}

    def run(
        self, *command: str, check: bool = True, cwd: Path = ROOT, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a program against the local cloud."""
        done = subprocess.run(
            command,
            cwd=cwd,
            env=self.environment(),
            text=True,
            capture_output=True,
            check=False,
            timeout=600,
            input=stdin,
        )
        assert not check or done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done

    def cdk(self, *arguments: str, config: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the real CDK CLI."""
        output = str(self.home / "cdk.out")
        return self.run("cdk", *arguments, "-c", f"config={config}", "--output", output, check=check)


@pytest.fixture(scope="session")
def cloud(worker_id: str) -> Iterator[Cloud]:
    """The local cloud of one test process. It starts empty and is stopped at the end; images made once are kept."""
    default = find(start=ROOT)
    instance = Instance(root=default.root, home=default.cache.parent / f"test-{worker_id}", cache=default.cache)
    lifecycle.clean(instance, report=reporter(quiet=True))
    lifecycle.up(
        instance,
        account=DEFAULT_ACCOUNT,
        region=DEFAULT_REGION,
        upstreams=[UPSTREAM],
        report=reporter(),
        docker_hub=True,
    )
    yield Cloud(instance=instance)
    lifecycle.down(instance, report=reporter(quiet=True))
