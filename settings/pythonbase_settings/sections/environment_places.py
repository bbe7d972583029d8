"""The section `environments` at the top level: the places of environments."""

from typing import Annotated

from pydantic import Field

from pythonbase_settings.fields.types import Account, EnvironmentName, Region, Switch
from pythonbase_settings.sections.network import Network
from pythonbase_settings.sections.section import Section, StandIn


class EnvironmentPlace(Section):
    """The place of an environment that has its own account, Region or network."""

    name: Annotated[EnvironmentName, StandIn("unnamed-{}")] = Field(
        description="Name of the environment, as in `environments` of the services.", examples=["production"]
    )
    account: Account | None = Field(
        default=None,
        description="AWS account ID of the environment: 12 digits, in quotes. Default: that of `environment`.",
        examples=["210987654321"],
    )
    region: Region | None = Field(
        default=None,
        description="AWS Region of the environment. Its network then needs internet access, because containers pull "
        "from ECR in the Region of `environment`. Default: that of `environment`.",
        examples=["eu-central-1"],
    )
    network: Network | None = Field(
        default=None,
        description="The environment's own network. In another Region it must set `nat_gateways` or `vpc`. Default: "
        "the shared network; in another account a new one; in another Region **required**.",
    )
    destroy: Switch = Field(
        default=False,
        description="With a `region`: first of [two keys](state.md#two-keys-to-destroy) to delete the artifact "
        "bucket in that Region; the second is `-c destroy=artifacts-<region>`. Set it for every environment in that "
        "Region.",
    )
