"""The section `environment`."""

from pydantic import Field

from pythonbase_settings.field_types import Account, Region
from pythonbase_settings.section import Section


class Environment(Section):
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
