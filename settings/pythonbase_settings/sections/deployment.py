"""The section `deployment` of a service."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from pythonbase_settings.fields.rules import rule
from pythonbase_settings.fields.types import AlarmName
from pythonbase_settings.sections.section import Section


class DeploymentStrategy(StrEnum):
    """How a new version replaces the old one. Linear and canary are known so that their refusal says why."""

    ROLLING = "rolling"
    BLUE_GREEN = "blue-green"
    LINEAR = "linear"
    CANARY = "canary"


class Deployment(Section):
    """How a new version of a service replaces the old one, and what calls it off."""

    strategy: Annotated[DeploymentStrategy, Field(strict=False), rule("use rolling or blue-green")] = Field(
        default=DeploymentStrategy.ROLLING,
        description="rolling, or blue-green for a service without a load balancer.",
        json_schema_extra={"enum": ["rolling", "blue-green"]},
    )
    bake_minutes: Annotated[int, Field(ge=0, le=1440), rule("use minutes: 0 to 1440, which is a day")] | None = Field(
        default=None,
        description="Minutes that the old containers stay beside the new ones after a blue-green deployment, so that "
        "going back is immediate. Left out: none.",
    )
    alarms: list[AlarmName] = Field(
        default=[],
        description="Names of CloudWatch alarms; one of them in ALARM during a deployment rolls it back.",
        examples=[["orders-latency"]],
    )
    server_errors: Annotated[int, Field(ge=1, le=99), rule("use a percentage: 1 to 99")] | None = Field(
        default=None,
        description="Percentage of 5xx answers; a deployment that has more in each of three minutes is rolled back. "
        "Left out: no such alarm.",
    )
