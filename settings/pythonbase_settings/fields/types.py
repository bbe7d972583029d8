"""Types of fields that several sections use: the allowed values, and the error message."""

from typing import Annotated

from pydantic import Field

from pythonbase_settings.fields.rules import rule, switch

NAME_PATTERN = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
_REGION_PATTERN = (
    r"[a-z]{2,4}(-[a-z]{2,4})?-(central|north|south|east|west|northeast|northwest|southeast|southwest)-[1-9][0-9]?"
)

Name = Annotated[
    str,
    Field(pattern=NAME_PATTERN, min_length=2, max_length=40),
    rule("use 2 to 40 lower-case letters, digits and single hyphens, starting with a letter, such as orders-api"),
]
EnvironmentName = Annotated[
    str,
    Field(pattern=NAME_PATTERN, min_length=2, max_length=20),
    rule("use 2 to 20 lower-case letters, digits and single hyphens, starting with a letter, such as staging"),
]
Account = Annotated[
    str, Field(pattern=r"^[0-9]{12}$"), rule('use the 12 digits of the account in quotes: "123456789012"')
]
Region = Annotated[str, Field(pattern=f"^{_REGION_PATTERN}$"), rule("use an AWS Region such as eu-central-1")]
AvailabilityZone = Annotated[
    str,
    Field(pattern=f"^{_REGION_PATTERN}(-[a-z]+-[0-9])?[a-z]$"),
    rule("use an availability zone's name, such as eu-central-1a"),
]
Switch = Annotated[bool, switch()]
AlarmName = Annotated[str, Field(min_length=1, max_length=255), rule("use the name of a CloudWatch alarm, not its ARN")]
