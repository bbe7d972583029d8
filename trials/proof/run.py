"""The proof: deploys to an instance of its own, measures, writes docs/proof.md and docs/proof.svg."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pythonbase_localcloud import docker_hub
from pythonbase_localcloud.box import hosts
from pythonbase_localcloud.demo import aws_client
from pythonbase_localcloud.demo.configuration import Configuration
from pythonbase_localcloud.demo.run import Demo
from pythonbase_localcloud.instance import Instance
from pythonbase_localcloud.machine.commands import LocalCloudError
from pythonbase_localcloud.machine.progress import Report
from pythonbase_localcloud.setup import lifecycle
from trials.proof import picture, report
from trials.proof.peers import Peers
from trials.proof.pipeline import run_pipeline
from trials.proof.refreshes import run_refreshes
from trials.proof.result import Result

DEFAULT_BUILDS = 150
UPSTREAM = "docker.io/library/python:3.13-slim"
"""The base image is built from Docker Hub itself: the hardest case for the pulls of its refreshes."""
_BASE, _TAG = "pythonbase", "latest"
_SERVICES = {"orders": "acme/orders", "billing": "acme/billing"}
_SECRET = "proof/docker-hub"  # noqa: S105  a secret's name
_CONFIGURATION = f"""\
base_images:
  - name: {_BASE}
    upstream: {UPSTREAM}
    upstream_credentials: {_SECRET}
services:
"""


class Proof:
    """One run. `builds` is how often each way builds."""

    def __init__(self, instance: Instance, *, builds: int, say: Report) -> None:
        if builds < 1:
            raise LocalCloudError(f"PROOF_BUILDS must be at least 1, got {builds}")
        self._instance = replace(instance, home=instance.home / "proof")
        self._builds, self._say = builds, say
        self._hub = docker_hub.control(self._instance)

    def run(self) -> Result:
        """Measure everything, on an instance that starts empty and is stopped at the end."""
        started = time.monotonic()
        lifecycle.clean(self._instance, report=lambda _: None)
        try:
            self._deploy()
            first_build_pulls = self._hub.pulls()
            limits = self._hub.state()["limits"]
            pipeline = run_pipeline(
                self._instance,
                self._client("codepipeline"),
                services=_SERVICES,
                base=f"{hosts.ecr_name(self._account, self._region)}/{_BASE}",
                builds=self._builds,
                report=self._say,
            )
            refreshes = run_refreshes(
                self._instance,
                self._client("codebuild"),
                self._client("ecr"),
                project=self._base_project(),
                repository=_BASE,
                tag=_TAG,
                report=self._say,
            )
            # last: they put small images behind the tags that the base image is built from
            series = Peers(self._instance, self._say).run(self._builds)
        finally:
            lifecycle.down(self._instance, report=lambda _: None)
        return Result(
            limit=int(limits["anonymous"]),
            user_limit=int(limits["user"]),
            window=float(limits["window"]),
            series=(*series, pipeline),
            refreshes=tuple(refreshes),
            first_build_pulls=first_build_pulls,
            seconds=time.monotonic() - started,
        )

    def _deploy(self) -> None:
        file = self._instance.home / "platform.yaml"
        self._instance.home.mkdir(parents=True, exist_ok=True)
        services = [f"  - name: {name}\n    repository: {repository}\n" for name, repository in _SERVICES.items()]
        file.write_text(_CONFIGURATION + "".join(services))
        configuration = Configuration.load(file)
        self._account, self._region = configuration.account, configuration.region
        lifecycle.up(
            self._instance,
            account=self._account,
            region=self._region,
            upstreams=configuration.upstreams,
            report=self._say,
            docker_hub=True,
        )
        credentials = {"username": docker_hub.USER, "accessToken": docker_hub.PASSWORD}
        self._client("secretsmanager").create_secret(Name=_SECRET, SecretString=json.dumps(credentials))
        Demo(self._instance, configuration, self._say).run()

    def _base_project(self) -> str:
        """The name of the base image's build project."""
        resources = self._client("cloudformation").describe_stack_resources(StackName=_BASE.capitalize())
        (project,) = [
            resource["PhysicalResourceId"]
            for resource in resources["StackResources"]
            if resource["ResourceType"] == "AWS::CodeBuild::Project"
        ]
        return str(project)

    def _client(self, service: str) -> Any:
        return aws_client.client(self._instance, service, account=self._account, region=self._region)


def run_proof(instance: Instance, say: Report) -> str:
    """Measure with PROOF_BUILDS builds (150), write the documents, return the tables.

    Raises `LocalCloudError` if this project's own side is not as promised: that must not pass for a proof.
    """
    result = Proof(instance, builds=_builds(), say=say).run()
    text = report.tables(result)
    docs = instance.root / "docs"
    document = docs / "proof.md"
    document.write_text(report.replaced(document.read_text(), text))
    (docs / "proof.svg").write_text(picture.draw(result))
    (instance.home / "proof.json").write_text(json.dumps(asdict(result), indent=1) + "\n")
    say(f"measured in {result.seconds / 60:.0f} minutes; written to {_shown(document)} and proof.svg")
    ours = result.series[-1]
    if ours.failures or ours.docker_hub_pulls:
        raise LocalCloudError(
            f"{text}\n\nthe pipeline has {ours.failures} failures and {ours.docker_hub_pulls} Docker Hub pulls"
        )
    return text


def _builds() -> int:
    text = os.environ.get("PROOF_BUILDS", str(DEFAULT_BUILDS))
    if not text.isdecimal():
        raise LocalCloudError(f"PROOF_BUILDS must be a number of builds, got {text!r}")
    return int(text)


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
