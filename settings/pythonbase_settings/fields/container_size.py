"""Size and number of the containers of a service."""

from typing import Annotated

from pydantic import AfterValidator, Field

from pythonbase_settings.fargate import FARGATE_MEMORY
from pythonbase_settings.fields.rules import rule


def _fargate_cpu(value: int) -> int:
    if value not in FARGATE_MEMORY:
        raise ValueError
    return value


Cpu = Annotated[
    int,
    Field(json_schema_extra={"enum": list(FARGATE_MEMORY)}),
    AfterValidator(_fargate_cpu),
    rule(f"use one of Fargate's sizes: {', '.join(str(cpu) for cpu in FARGATE_MEMORY)}"),
]
Memory = Annotated[int, Field(ge=512, le=122880), rule("use MiB that Fargate offers for the cpu: 512 to 122880")]
Count = Annotated[int, Field(ge=1, le=1000), rule("use 1 to 1000 containers")]
