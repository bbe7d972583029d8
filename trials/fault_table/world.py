"""What the cases work on: a deployed platform with a service that runs once and one with two environments."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pythonbase_localcloud.controls.faults import Control, control
from pythonbase_localcloud.demo.cdk import Cdk
from pythonbase_localcloud.demo.configuration import Configuration
from pythonbase_localcloud.demo.summary import Clients
from pythonbase_localcloud.instance import Instance
from trials.fault_table.pipeline import Pipeline
from trials.fault_table.target import Target

SERVICE, GATED = "shop", "gate"
REPOSITORIES = {SERVICE: "acme/store", GATED: "acme/gate"}
SECRET = "bitbucket/statuses"  # noqa: S105 - its name
CONFIGURATION = """\
base_images: {base_images}
bitbucket:
  status_credentials: bitbucket/statuses
services:
  - name: shop
    repository: acme/store
    environment: {{TEMPLATE: "{template}"}}
    test: python -c 'import sys; sys.path.insert(0, "/opt"); import app'
  - name: gate
    repository: acme/gate
    tags: ["v*"]
    environments:
      - name: staging
      - name: production
        approval: true
        approval_timeout: 5
"""
"""Of platform.yaml; ``template`` is what a deployment changes."""
BASE_IMAGE = "{name: pythonbase}"


class UnexpectedError(Exception):
    """A case observed something else than it must."""


def expect(condition: object, observed: str) -> None:
    """Raise `UnexpectedError` unless the condition holds."""
    if not condition:
        raise UnexpectedError(observed)


@dataclass(kw_only=True)
class World:
    """The platform, and what a case needs to change and to see of it."""

    instance: Instance
    account: str
    region: str
    clients: Clients
    folder: Path
    template: int | str = 0
    base_images: str = f"[{BASE_IMAGE}]"
    templates: int = 0
    versions: int = 0
    _pipelines: dict[str, Pipeline] = field(default_factory=dict)

    @property
    def faults(self) -> Control:
        """Injects faults."""
        return control(self.instance, account=self.account)

    @property
    def shop(self) -> Target:
        """The service that runs once."""
        return self._target(SERVICE)

    @property
    def staging(self) -> Target:
        """The first environment of the other service."""
        return self._target(GATED, "staging")

    @property
    def production(self) -> Target:
        """Its second environment, with approval."""
        return self._target(GATED, "production")

    @property
    def targets(self) -> list[Target]:
        """All of them."""
        return [self.shop, self.staging, self.production]

    def _target(self, service: str, environment: str | None = None) -> Target:
        return Target(instance=self.instance, clients=self.clients, service=service, environment=environment)

    def pipeline(self, service: str = SERVICE) -> Pipeline:
        """The pipeline of a service."""
        if service not in self._pipelines:
            self._pipelines[service] = Pipeline(
                instance=self.instance,
                codepipeline=self.clients("codepipeline"),
                name=service,
                repository=REPOSITORIES[service],
                folder=self.folder,
            )
        return self._pipelines[service]

    def next_version(self) -> str:
        """A name that no version had."""
        self.versions += 1
        return f"v{self.versions}"

    @property
    def config(self) -> Path:
        """The settings file."""
        return self.folder / "platform.yaml"

    def write_config(self) -> Configuration:
        """Write the settings of the present template."""
        self.config.write_text(CONFIGURATION.format(template=self.template, base_images=self.base_images))
        return Configuration.load(self.config)

    def change_template(self) -> str:
        """Change what `cdk deploy` would deploy; the new value of the variable TEMPLATE."""
        self.templates += 1
        self.template = self.templates
        self.write_config()
        return str(self.template)

    def deploy_shop(self, *, revert_drift: bool = False) -> None:
        """`cdk deploy Shop` of the present settings; raises LocalCloudError if it fails."""
        self.cdk.deploy("Shop", revert_drift=revert_drift)

    @property
    def cdk(self) -> Cdk:
        """The CDK CLI."""
        return Cdk(instance=self.instance, account=self.account, region=self.region, config=self.config)

    def settle(self) -> None:
        """Wait until all pipelines and services are at rest."""
        for service in REPOSITORIES:
            self.pipeline(service).settle()
        for target in self.targets:
            target.settle()

    @contextmanager
    def injected(self, *, order: Callable[[Control], object]) -> Iterator[Control]:
        """A fault for as long as the block lasts."""
        with self.faults.cleared() as injector:
            order(injector)
            yield injector


def wait_until(condition: Callable[[], object], what: str, *, seconds: float = 90) -> None:
    """Poll until the condition holds; raises TimeoutError."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.2)
    raise TimeoutError(f"{what} did not happen within {seconds:.0f} s")
