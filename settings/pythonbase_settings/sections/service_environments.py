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
    """An environment of a service, and the settings that differ there from those of the service."""

    name: Annotated[EnvironmentName, StandIn("unnamed-{}")] = Field(
        description="Name of the environment.", examples=["staging"]
    )
    approval: Switch = Field(
        default=False, description="Whether a person must approve each release to this environment in the pipeline."
    )
    approval_timeout: Annotated[int, Field(ge=5, le=86400), rule("use 5 to 86400 minutes")] | None = Field(
        default=None,
        description="Minutes after which a release without an approval fails. Default: 7 days.",
        examples=[1440],
    )
    cpu: Cpu | None = Field(
        default=None, description="CPU units in this environment. Default: as the service.", examples=[512]
    )
    memory: Memory | None = Field(
        default=None, description="Memory in MiB in this environment. Default: as the service.", examples=[1024]
    )
    desired_count: Count | None = Field(
        default=None,
        description="Minimum number of containers in this environment. Default: as the service.",
        examples=[2],
    )
    max_count: Count | None = Field(
        default=None,
        description="Maximum number of containers in this environment. Default: as the service, at least the "
        "`desired_count` here.",
        examples=[10],
    )
    environment: Variables = Field(
        default={},
        description="Variables that are added to those of the service, or replace variables with the same name.",
        examples=[{"LOG_LEVEL": "debug"}],
    )
    secrets: Secrets = Field(
        default={},
        description="Variables with secret values that are added to those of the service, or replace variables with "
        "the same name.",
        examples=[{"DB_PASSWORD": "staging/orders/db-password"}],
    )
    load_balancer: LoadBalancerChoice | None = Field(
        default=None,
        description="Who can reach the service in this environment. Default: as the service.",
        examples=["internal"],
    )
    alarms: list[AlarmName] = Field(
        default=[],
        description="Names of CloudWatch alarms in this environment; if one is in ALARM during a deployment, the "
        "deployment is rolled back. Default: those of `deployment`.",
        examples=[["orders-production-latency"]],
    )
