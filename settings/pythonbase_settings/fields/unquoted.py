"""A value that the settings file has without quotes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Unquoted:
    """A value without quotes that YAML reads as a truth value, a fraction, a date or an odd number.

    The text is kept as the file has it: a setting that is a truth value takes `true` and `false`, and nothing else.
    """

    text: str

    def __str__(self) -> str:
        return self.text
