"""Build arguments that a build sets itself, and those that it may be given besides."""

from __future__ import annotations

import re

ARGUMENTS = ("BASE_IMAGE", "Account_ID")
"""Build arguments that every build of a service gets."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def argument_name(text: str) -> str:
    """The name of a further build argument.

    Raises:
        ValueError: with what to write instead, if Docker does not take the name, each build sets it, or it changes the
            builder.
    """
    if not _NAME.fullmatch(text):
        raise ValueError("use letters, digits and underscores, not starting with a digit")
    if text in ARGUMENTS:
        raise ValueError(f"remove it: each build gets {text}")
    if text.startswith("BUILDKIT_"):
        raise ValueError("remove it: arguments that begin with BUILDKIT_ change the builder")
    return text
