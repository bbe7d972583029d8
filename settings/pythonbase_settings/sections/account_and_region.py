"""The section `environment`: the account and Region of the platform."""

from pydantic import Field

from pythonbase_settings.fields.types import Account, Region
from pythonbase_settings.sections.section import Section


class AccountAndRegion(Section):
    """The AWS account and Region that the application is deployed to."""

    account: Account | None = Field(
        default=None,
        description="AWS account: 12 digits, in quotes. Left out: that of the credentials (CDK_DEFAULT_ACCOUNT).",
        examples=["123456789012"],
    )
    region: Region | None = Field(
        default=None,
        description="AWS Region. Left out: that of the credentials (CDK_DEFAULT_REGION).",
        examples=["eu-central-1"],
    )
