"""Renders the buildspec templates beside this module."""

from __future__ import annotations

import re
import string
import textwrap
from collections.abc import Mapping
from importlib import resources


class _Template(string.Template):
    """A template whose only placeholder is ``%{name}``: ``$``, ``${}`` and ``{}`` belong to the shell."""

    delimiter = "%"
    # string.Template compiles this text, and declares the type of the compiled pattern.
    pattern = r"""
        %(?:
            (?P<escaped>%%)                 |
            \{(?P<braced>[a-z][a-z0-9_]*)\} |
            (?P<named>(?!))                 |
            (?P<invalid>(?=\{))
        )
    """  # type: ignore[assignment]
    flags = re.VERBOSE


_HERE = re.compile(r"^( *)# here: (%\{[a-z][a-z0-9_]*\})$", re.MULTILINE)
"""A placeholder for YAML, in a comment, so that the template itself is valid YAML."""


def render(template_name: str, values: Mapping[str, str]) -> str:
    """The buildspec of template ``templates/<template_name>.yml`` with its placeholders replaced.

    Args:
        template_name: File name.
        values: Exactly one value per placeholder. If the value is empty and the placeholder is alone on its line, the
            line is removed. ``# here: %{name}`` alone on its line is a placeholder as well.

    Raises:
        KeyError: if the template has a placeholder without a value.
        ValueError: if a value has no placeholder, or has several lines and its placeholder is not alone on its line
            (the value would leave its YAML block).
    """
    text = resources.files(__package__).joinpath("templates", template_name).read_text(encoding="utf-8")
    text = _HERE.sub(r"\1\2", text)
    unknown = sorted(set(values) - set(_Template(text).get_identifiers()))
    if unknown:
        raise ValueError(f"template {template_name} has no placeholder {', '.join(unknown)}")
    for name in (name for name, value in values.items() if not value):
        text = re.sub(rf"^ *%{{{name}}}\n", "", text, flags=re.MULTILINE)
    template = _Template(text)
    return template.substitute({name: _in_place(text, name, value) for name, value in values.items()})


def script(name: str, **values: str) -> str:
    """The text of ``scripts/<name>`` with its own placeholders replaced, for use as a template's value."""
    text = resources.files(__package__).joinpath("scripts", name).read_text(encoding="utf-8").strip()
    return _Template(text).substitute(values)


def _in_place(text: str, name: str, value: str) -> str:
    """The value with each further line indented like its placeholder."""
    if "\n" not in value and "\r" not in value:
        return value
    alone = re.search(rf"^( *)%{{{name}}}$", text, re.MULTILINE)
    if not alone or "\r" in value:
        raise ValueError(f"value of {name} must be one line, got {value!r}")
    return textwrap.indent(value, alone[1]).strip()
