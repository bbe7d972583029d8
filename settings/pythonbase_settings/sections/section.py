"""The base class of all sections of the settings."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A mapping in the settings file."""

    # Default factories use data.get(): pydantic also calls them if a value that they need is wrong.
    # strict: "8080" is not a number; forbid: a misspelt key is a mistake, not a comment
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


@dataclass(frozen=True)
class StandIn:
    """Marks a required field, in `Annotated`: the value that is used while the rest of a file with errors is checked.

    Without this mark it is the first example of the field. Names have the mark, because names must differ.

    Attributes:
        pattern: the value; `{}` is the index of the entry.
    """

    pattern: str
