"""The section `environment`: the account and Region of the platform."""

from pydantic import Field

from pythonbase_settings.fields.types import Account, Region
from pythonbase_settings.sections.section import Section


class AccountAndRegion(Section):
    """The AWS account and Region of the platform."""

    account: Account | None = Field(
        default=None,
        description="AWS account ID: 12 digits, in quotes. Default: that of the credentials (`CDK_DEFAULT_ACCOUNT`).",
        examples=["123456789012"],
    )
    region: Region | None = Field(
        default=None,
        description="AWS Region, such as `eu-central-1`. Default: that of the credentials (`CDK_DEFAULT_REGION`).",
        examples=["eu-central-1"],
    )
