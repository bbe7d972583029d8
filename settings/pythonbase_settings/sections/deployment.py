"""The section `deployment` of a service."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from pythonbase_settings.fields.rules import rule
from pythonbase_settings.fields.types import AlarmName
from pythonbase_settings.sections.section import Section


class DeploymentStrategy(StrEnum):
    """How a new version replaces the old one. `linear` and `canary` are refused, with the reason in the message."""

    ROLLING = "rolling"
    BLUE_GREEN = "blue-green"
    LINEAR = "linear"
    CANARY = "canary"


class Deployment(Section):
    """How a new version of a service replaces the old one, and what rolls it back."""

    strategy: Annotated[DeploymentStrategy, Field(strict=False), rule("use rolling or blue-green")] = Field(
        default=DeploymentStrategy.ROLLING,
        description="`rolling`, or `blue-green` with `load_balancer: none`.",
        json_schema_extra={"enum": ["rolling", "blue-green"]},
    )
    bake_minutes: Annotated[int, Field(ge=0, le=1440), rule("use minutes: 0 to 1440, which is a day")] | None = Field(
        default=None,
        description="Minutes that the old containers keep running after a `blue-green` deployment, so that a "
        "rollback is immediate. Default: none.",
    )
    alarms: list[AlarmName] = Field(
        default=[],
        description="Names of CloudWatch alarms; if one is in ALARM during a deployment, the deployment is rolled "
        "back.",
        examples=[["orders-latency"]],
    )
    server_errors: Annotated[int, Field(ge=1, le=99), rule("use a percentage: 1 to 99")] | None = Field(
        default=None,
        description="Percentage of 5xx responses; a deployment is rolled back if the percentage is higher in each "
        "of three consecutive minutes. Default: none.",
        examples=[5],
    )
