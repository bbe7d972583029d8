"""The section `build` of a service."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from pythonbase_buildspecs.build_arguments import argument_name
from pythonbase_settings.fields.confidential import ConfidentialEntries
from pythonbase_settings.fields.rules import check, rule
from pythonbase_settings.fields.secrets import names_a_secret
from pythonbase_settings.sections.section import Section


class Compute(StrEnum):
    """Sizes of a build host."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"
    X_LARGE = "xlarge"


def in_the_history(name: str) -> str:
    """What to do with a secret in `args`."""
    return f"remove {name}: build arguments are visible in the image's history"


class Build(Section):
    """How the image of a service is built, for releases and for pull requests."""

    args: Annotated[
        dict[
            Annotated[str, check(argument_name)],
            Annotated[
                str, Field(max_length=1000, pattern=r"^[^\x00-\x1f]*$"), rule("use a text in quotes, in one line")
            ],
        ],
        ConfidentialEntries(named=names_a_secret, fix=in_the_history),
        Field(json_schema_extra={"additionalProperties": False}),
    ] = Field(
        default={},
        description="Build arguments (`ARG`); put values in quotes. Do not put secrets here: they are visible in the "
        "image. `BASE_IMAGE` and `Account_ID` are always given.",
        examples=[{"PIP_INDEX_URL": "https://pypi.example.com/simple"}],
    )
    target: (
        Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.-]{0,127}$"), rule("use the name of a stage of the Dockerfile")]
        | None
    ) = Field(
        default=None,
        description="Stage of the Dockerfile that becomes the image. Default: the last one.",
        examples=["runtime"],
    )
    timeout: Annotated[int, Field(ge=5, le=480), rule("use minutes: 5 to 480, which is eight hours")] = Field(
        default=60, description="Minutes after which a build is stopped.", examples=[30]
    )
    compute: Annotated[Compute, Field(strict=False), rule("use small, medium, large or xlarge")] = Field(
        default=Compute.SMALL,
        description="Size of the build host, as [CodeBuild "
        "calls](https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-compute-types.html) it. Each size "
        "has a quota of its own.",
        examples=["medium"],
    )
