"""The section `environments` of a service."""

from typing import Annotated

from pydantic import Field

from pythonbase_settings.fields.container_size import Count, Cpu, Memory
from pythonbase_settings.fields.load_balancer import LoadBalancerChoice
from pythonbase_settings.fields.rules import rule
from pythonbase_settings.fields.types import AlarmName, EnvironmentName, Switch
from pythonbase_settings.fields.variables import Secrets, Variables
from pythonbase_settings.sections.section import Section, StandIn


class ServiceEnvironment(Section):
    """An environment of a service: what differs there. What is left out is as the service says."""

    name: Annotated[EnvironmentName, StandIn("unnamed-{}")] = Field(
        description="Name of the environment.", examples=["staging"]
    )
    approval: Switch = Field(
        default=False, description="Whether somebody must approve each release to this environment in the pipeline."
    )
    approval_timeout: Annotated[int, Field(ge=5, le=86400), rule("use 5 to 86400 minutes")] | None = Field(
        default=None,
        description="Minutes after which a release that nobody approved fails. Left out: 7 days.",
        examples=[1440],
    )
    cpu: Cpu | None = Field(default=None, description="CPU units of a container here.", examples=[512])
    memory: Memory | None = Field(default=None, description="Memory of a container here, in MiB.", examples=[1024])
    desired_count: Count | None = Field(default=None, description="Containers that run at least here.", examples=[2])
    max_count: Count | None = Field(
        default=None, description="Containers that run at most under load here.", examples=[10]
    )
    environment: Variables = Field(
        default={},
        description="Environment variables of the container here, beside those of the service, or instead of them.",
        examples=[{"LOG_LEVEL": "debug"}],
    )
    secrets: Secrets = Field(
        default={},
        description="Environment variables that hold a secret here, beside those of the service, or instead of them.",
        examples=[{"DB_PASSWORD": "staging/orders/db-password"}],
    )
    load_balancer: LoadBalancerChoice | None = Field(default=None, description="Who reaches the service here.")
    alarms: list[AlarmName] = Field(
        default=[],
        description="Names of CloudWatch alarms here; one of them in ALARM during a deployment rolls it back. "
        "Left out: those of the service's deployment.",
        examples=[["orders-production-latency"]],
    )
