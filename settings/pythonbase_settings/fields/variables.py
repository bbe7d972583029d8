"""Environment variables of a container."""

from typing import Annotated

from pydantic import Field

from pythonbase_settings.fields.confidential import Confidential, ConfidentialEntries
from pythonbase_settings.fields.rules import rule
from pythonbase_settings.fields.secrets import SecretReference, names_a_secret, secret_fix

_VariableName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$"),
    rule("use letters, digits and underscores, not starting with a digit"),
]
Variables = Annotated[
    dict[_VariableName, Annotated[str, rule("use a text in quotes")]],
    ConfidentialEntries(named=names_a_secret, fix=secret_fix),
    Field(json_schema_extra={"additionalProperties": False}),
]
Secrets = Annotated[
    dict[_VariableName, SecretReference],
    Confidential(),
    Field(json_schema_extra={"additionalProperties": False}),
]
