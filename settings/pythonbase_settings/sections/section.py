"""What all sections of the settings have in common."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A mapping in the settings file."""

    # Default factories use data.get(): pydantic calls them although a value that they need was wrong.
    # strict: "8080" is not a number; forbid: a misspelt key is a mistake, not a comment
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


@dataclass(frozen=True)
class StandIn:
    """Marks a field that must be there, in `Annotated`: what is in its place while the rest of a file is checked.

    Without it that is the field's first example. Names have it, because those of a file must differ.

    Attributes:
        pattern: the value; `{}` is the index of the entry.
    """

    pattern: str
