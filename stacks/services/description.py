"""The description of a stack, which CloudFormation's console shows to whoever is about to delete it."""

from __future__ import annotations


def with_kept(description: str, *kept: str) -> str:
    """The description, and what the deletion of the stack leaves."""
    return f"{description}. Deleting this stack leaves {', '.join(kept[:-1])} and {kept[-1]}"
