"""Marks on the fields of the model whose values may be secrets: no message shows them."""

from collections.abc import Callable
from dataclasses import dataclass

HIDDEN = "a value that is not shown here"
"""Stands for a value that may be a secret, which has no place in the logs that messages end in."""


@dataclass(frozen=True, kw_only=True)
class Confidential:
    """Marks a type, in `Annotated`: its value may be a secret.

    Attributes:
        fix: what to write instead. Left out: what the mistake itself says.
        unless_text: what to write instead of a value that is no text. Left out: what the mistake itself says.
    """

    fix: str | None = None
    unless_text: str | None = None

    def fix_of(self, value: object) -> str | None:
        """What to write instead of this value."""
        return self.fix or (None if isinstance(value, str) else self.unless_text)


@dataclass(frozen=True, kw_only=True)
class ConfidentialEntries:
    """Marks a dictionary, in `Annotated`: entries of certain names may be secrets, and so may what is in its place.

    Attributes:
        named: whether an entry of this name may be a secret.
        fix: what to do with it.
    """

    named: Callable[[str], bool]
    fix: Callable[[str], str]

    def entry(self, name: str) -> Confidential | None:
        """The mark on the entry of this name."""
        return Confidential(fix=self.fix(name)) if self.named(name) else None
