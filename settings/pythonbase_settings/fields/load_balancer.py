"""The setting `load_balancer`: who can reach a service."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from pythonbase_settings.fields.rules import rule


class LoadBalancer(StrEnum):
    """Who can reach a service."""

    PUBLIC = "public"
    INTERNAL = "internal"
    NONE = "none"


LoadBalancerChoice = Annotated[LoadBalancer, Field(strict=False), rule("use public, internal or none")]
