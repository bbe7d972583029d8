"""Marks on the fields of the model whose values may be secrets: no message shows them."""

from collections.abc import Callable
from dataclasses import dataclass

HIDDEN = "a value that is not shown here"
"""Shown in messages instead of a value that may be a secret, because messages are logged."""


@dataclass(frozen=True, kw_only=True)
class Confidential:
    """Marks a type, in `Annotated`: its value may be a secret.

    Attributes:
        fix: what to write instead. Default: the text of the error.
        unless_text: what to write instead of a value that is not text. Default: the text of the error.
    """

    fix: str | None = None
    unless_text: str | None = None

    def fix_of(self, value: object) -> str | None:
        """What to write instead of this value."""
        return self.fix or (None if isinstance(value, str) else self.unless_text)


@dataclass(frozen=True, kw_only=True)
class ConfidentialEntries:
    """Marks a dictionary, in `Annotated`: entries with certain names may be secrets. So may any other value
    in its place.

    Attributes:
        named: whether an entry with this name may be a secret.
        fix: what to do with it.
    """

    named: Callable[[str], bool]
    fix: Callable[[str], str]

    def entry(self, name: str) -> Confidential | None:
        """The mark of the entry with this name."""
        return Confidential(fix=self.fix(name)) if self.named(name) else None
