"""The section `environments`: where the environments of services are."""

from typing import Annotated

from pydantic import Field

from pythonbase_settings.fields.types import Account, EnvironmentName, Region, Switch
from pythonbase_settings.sections.network import Network
from pythonbase_settings.sections.section import Section, StandIn


class EnvironmentPlace(Section):
    """Where an environment is that services list, when it has an account, a Region or a network of its own."""

    name: Annotated[EnvironmentName, StandIn("unnamed-{}")] = Field(
        description="Name of the environment, as services list it.", examples=["production"]
    )
    account: Account | None = Field(
        default=None,
        description="Its AWS account: 12 digits, in quotes. Left out: that of environment.",
        examples=["210987654321"],
    )
    region: Region | None = Field(
        default=None, description="Its AWS Region. Left out: that of environment.", examples=["eu-central-1"]
    )
    network: Network | None = Field(
        default=None,
        description="Its own network. Left out: the network that services share, or a new one in another account or "
        "Region.",
    )
    destroy: Switch = Field(
        default=False,
        description="First of two keys to delete the bucket of artifacts in its Region with its stack, for each "
        "environment there; the second is -c destroy=artifacts-<region>.",
    )
