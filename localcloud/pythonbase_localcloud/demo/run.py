"""The steps of the demo."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pythonbase_localcloud import docker_hub
from pythonbase_localcloud.demo import aws_client, bitbucket, connections, pipelines
from pythonbase_localcloud.demo.cdk import Cdk
from pythonbase_localcloud.demo.configuration import Configuration
from pythonbase_localcloud.demo.summary import Clients, Deployed, Summary, load_balancer_name, service_summary
from pythonbase_localcloud.instance import Instance
from pythonbase_localcloud.machine.progress import Report
from pythonbase_localcloud.setup import lifecycle
from pythonbase_settings import Service


class Demo:
    """Deploys a configuration to an instance and releases its services.

    ``assembly``: what an application was synthesized to for this configuration. Default: this repository's is.
    """

    def __init__(
        self, instance: Instance, configuration: Configuration, report: Report, *, assembly: Path | None = None
    ) -> None:
        self._instance = instance
        self._configuration = configuration
        self._report = report
        self._assembly = assembly
        self._seconds: dict[str, float] = {}
        self._made: dict[str, Any] = {}

    def run(self) -> Summary:
        """Do all steps; each one does nothing where its work is done already.

        Raises:
            LocalCloudError: if a step fails.
        """
        started = time.monotonic()
        with self._step("local cloud"):
            lifecycle.up(
                self._instance,
                account=self._configuration.account,
                region=self._configuration.region,
                upstreams=self._configuration.upstreams,
                report=self._report,
            )
        cdk = Cdk(
            instance=self._instance,
            account=self._configuration.account,
            region=self._configuration.region,
            config=self._configuration.path,
            assembly=self._assembly,
        )
        with self._step("bootstrap"):
            if not _is_bootstrapped(self._client("cloudformation")):
                cdk.bootstrap()
            for account, region in self._configuration.elsewhere:
                if not _is_bootstrapped(
                    aws_client.client(self._instance, "cloudformation", account=account, region=region)
                ):
                    replace(cdk, account=account, region=region).bootstrap(trust=self._configuration.account)
        for service in self._configuration.services:
            bitbucket.create_repository(self._instance, service.repository, service.branch)
        with self._step("deploy"):
            cdk.deploy()
        with self._step("handshake"):
            connections.authorize_pending(
                self._instance,
                self._client("codeconnections"),
                account=self._configuration.account,
                report=self._report,
            )
        with self._step("release"):
            self._release()
        self._seconds["total"] = time.monotonic() - started
        summary = self._summary()
        summary.write(self._instance.home / "summary.json")
        return summary

    def _release(self) -> None:
        """Push the sample where nothing was pushed yet, and wait for the pipelines."""
        for service in self._configuration.services:
            if bitbucket.head(self._instance, service.repository, service.branch) is None:
                self._report(f"pushing the sample to {service.repository}")
                bitbucket.push_sample(
                    self._instance,
                    bitbucket.Sample(
                        repository=service.repository,
                        branch=service.branch,
                        dockerfile=service.dockerfile,
                        base_image=service.base_image,
                        region=self._configuration.region,
                    ),
                )
        for service in self._configuration.services:
            commit = bitbucket.head(self._instance, service.repository, service.branch)
            if commit:
                self._report(f"waiting for the release of {service.name} ({commit[:12]})")
                pipelines.release(self._client("codepipeline"), name=service.name, commit=commit, report=self._report)

    def _summary(self) -> Summary:
        services = []
        for service in self._configuration.services:
            for deployed in _deployed(service):
                clients = self._clients_of(deployed)
                balancer = load_balancer_name(clients, deployed.name)
                services.append(
                    service_summary(
                        clients,
                        deployed,
                        pipeline_status=pipelines.status(self._client("codepipeline"), name=service.name),
                        git_url=str(bitbucket.repository_path(self._instance, service.repository)),
                        url=self._instance.load_balancer_url(balancer) if balancer else None,
                    )
                )
        hub = docker_hub.control(self._instance)
        return Summary(
            endpoint_url=self._instance.endpoint_url,
            account=self._configuration.account,
            region=self._configuration.region,
            services=services,
            docker_hub_pulls=hub.pulls() if hub.runs() else None,
            seconds={name: round(seconds, 1) for name, seconds in self._seconds.items()},
        )

    def _clients_of(self, deployed: Deployed) -> Clients:
        """Clients of the account and Region that a service is deployed to."""
        here = (self._configuration.account, self._configuration.region)
        account, region = self._configuration.places.get(deployed.environment or "", here)
        return lambda service: aws_client.client(self._instance, service, account=account, region=region)

    def _client(self, service: str) -> Any:
        """A boto3 client by service name; made once each."""
        if service not in self._made:
            self._made[service] = aws_client.client(
                self._instance, service, account=self._configuration.account, region=self._configuration.region
            )
        return self._made[service]

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        self._report(name)
        started = time.monotonic()
        yield
        self._seconds[name] = time.monotonic() - started


def _is_bootstrapped(cloudformation: Any) -> bool:
    stacks = cloudformation.list_stacks(StackStatusFilter=["CREATE_COMPLETE", "UPDATE_COMPLETE"])["StackSummaries"]
    return any(stack["StackName"] == "CDKToolkit" for stack in stacks)


def _deployed(service: Service) -> list[Deployed]:
    environments = [Deployed(service.name, item.name) for item in service.environments]
    return environments or [Deployed(service.name)]


def run_demo(instance: Instance, config: Path, report: Report) -> Summary:
    """Run the demo for a configuration file."""
    return Demo(instance, Configuration.load(config), report).run()
