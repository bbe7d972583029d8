"""Environment variables of a container."""

from typing import Annotated

from pydantic import Field

from pythonbase_settings.confidential import Confidential, ConfidentialEntries
from pythonbase_settings.field_rules import rule
from pythonbase_settings.secrets import SecretReference, names_a_secret, secret_fix

_ENVIRONMENT_NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"

_EnvironmentName = Annotated[
    str, Field(pattern=_ENVIRONMENT_NAME), rule("use letters, digits and underscores, not starting with a digit")
]
Variables = Annotated[
    dict[_EnvironmentName, Annotated[str, rule("use a text in quotes")]],
    ConfidentialEntries(named=names_a_secret, fix=secret_fix),
    Field(json_schema_extra={"additionalProperties": False}),
]
Secrets = Annotated[
    dict[_EnvironmentName, SecretReference],
    Confidential(),
    Field(json_schema_extra={"additionalProperties": False}),
]
