"""The section `bitbucket`."""

from typing import Annotated

from pydantic import Field

from pythonbase_settings.fields.rules import rule
from pythonbase_settings.fields.secrets import SecretReference
from pythonbase_settings.fields.types import Switch
from pythonbase_settings.sections.section import Section

_ConnectionArn = Annotated[
    str,
    Field(
        pattern=r"^arn:aws[a-z-]*:(codeconnections|codestar-connections):[a-z0-9-]+:[0-9]{12}:connection/[A-Za-z0-9-]+$"
    ),
    rule("use arn:aws:codeconnections:<region>:<account>:connection/<id>, as the console shows it"),
]
_ConnectionName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=32),
    rule("use at most 32 letters, digits, hyphens and underscores"),
]


class Bitbucket(Section):
    """The connection to Bitbucket, and the credentials for build statuses."""

    connection_arn: _ConnectionArn | None = Field(
        default=None,
        description="ARN of an existing CodeConnections (or CodeStar) connection, in the Region of `environment`. "
        "Default: a new connection is created, and a person completes its handshake in the console once.",
        examples=["arn:aws:codeconnections:eu-central-1:123456789012:connection/aEXAMPLE-8aad-4d5d-8878-dfcab0bc441f"],
    )
    connection_name: _ConnectionName = Field(
        default="pythonbase",
        description="Name of the new connection. Default: `pythonbase`, with a prefix `<prefix>-pythonbase`.",
    )
    destroy: Switch = Field(
        default=False,
        description="First of [two keys](state.md#two-keys-to-destroy) to delete the connection together with its "
        "stack; the second is `-c destroy=bitbucket`.",
    )
    status_credentials: SecretReference | None = Field(
        default=None,
        description='Name or ARN of a Secrets Manager secret with a Bitbucket token: `{"token": …}` with an access '
        'token, or `{"email": …, "token": …}` with an API token. Build results are then reported on the commits in '
        "Bitbucket, see [build statuses](pull-requests.md#build-statuses). Default: build results are not reported.",
        examples=["bitbucket/statuses"],
    )
