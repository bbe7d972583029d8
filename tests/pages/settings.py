"""The tables of docs/platform.md, from the model of the settings. The text around them is written by hand.

A table stands between two comments. The first one names the class of the section:

    <!-- make docs: BaseImage -->
    <!-- end of the table -->
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pythonbase_settings.fargate import FARGATE_MEMORY, fargate_memory, listed_sizes
from tests.pages.markdown import anchor, cell, row, table
from tests.pages.schema import schema

PAGE = Path(__file__).parents[2] / "docs" / "platform.md"
SIZES = "Sizes"
"""In the place of a class: the memory that goes with each value of `cpu`."""

_TABLE = re.compile(r"(<!-- make docs: (\w+) -->\n).*?(<!-- end of the table -->)", re.DOTALL)
_HEADING_OR_TABLE = re.compile(r"^#+ (?P<heading>.+)$|<!-- make docs: (?P<name>\w+) -->", re.MULTILINE)

Schema = Mapping[str, Any]
"""The JSON Schema of a section or a setting."""


class SettingsPageError(Exception):
    """The page cannot be written. The text says why, and what to change."""


def page(text: str, root: Schema) -> str:
    """The page with the tables of this schema in the place of its own.

    Raises:
        SettingsPageError: if a section has no table, a table no section, or a setting no description.
    """
    sections = {name: item for name, item in root["$defs"].items() if item["type"] == "object"} | {"Settings": root}
    anchors = _anchors(text)
    for name in sorted({SIZES, *sections} ^ anchors.keys()):
        fix = "remove its table" if name in anchors else f'add "<!-- make docs: {name} -->" below a heading'
        raise SettingsPageError(f"{PAGE.name}: {name}: {fix}")
    tables = {name: _settings(name, item, root["$defs"], anchors) for name, item in sections.items()}
    tables[SIZES] = _sizes()
    return _TABLE.sub(lambda match: f"{match[1]}\n{tables[match[2]]}\n{match[3]}", text)


def write() -> None:
    """Write the tables."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), schema()), encoding="utf-8")


def _anchors(text: str) -> dict[str, str]:
    """Names of tables to the anchors of the headings above them."""
    anchors, heading = {}, ""
    for match in _HEADING_OR_TABLE.finditer(text):
        if match["name"]:
            anchors[match["name"]] = heading
        else:
            heading = anchor(match["heading"])
    return anchors


def _settings(name: str, section: Schema, definitions: Schema, anchors: Mapping[str, str]) -> str:
    rows = []
    for key, setting in section["properties"].items():
        if not setting.get("description"):
            raise SettingsPageError(f"{name}.{key}: add a description to the field")
        meaning, _, stated = setting["description"].partition(" Default: ")
        default = (
            "**required**" if key in section.get("required", []) else stated.removesuffix(".") or _default(setting)
        )
        if not default:
            raise SettingsPageError(f'{name}.{key}: end the description of the field with "Default: …."')
        rows.append(row(f"`{key}`", _values(setting, definitions, anchors), cell(default), cell(meaning)))
    return table(("Setting", "Values", "Default", "Meaning"), rows)


def _default(setting: Schema) -> str | None:
    """The default as YAML; None if that says nothing to a reader."""
    match setting.get("default"):
        case None | "" | [{}, *_]:
            return None
        case bool() as switch:
            return f"`{str(switch).lower()}`"
        case dict():  # of a section, whose own table has the defaults
            return "`{}`"
        case list() as items:
            return f"`[{', '.join(map(str, items))}]`"
        case value:
            return f"`{value}`"


def _values(setting: Schema, definitions: Schema, anchors: Mapping[str, str]) -> str:
    """What can be written."""
    match setting:
        case {"anyOf": [inner, {"type": "null"}]}:
            values = _values(inner, definitions, anchors)
        case {"enum": choices}:
            values = ", ".join(f"`{choice}`" for choice in choices)
        case {"$ref": reference}:
            name = reference.rpartition("/")[2]
            section = anchors.get(name)
            values = f"[mapping](#{section})" if section else _values(definitions[name], definitions, anchors)
        case {"type": "boolean"}:
            values = "`true`, `false`"
        case {"type": "integer"}:
            values = _range(setting, "minimum", "maximum") or "number"
        case {"type": "string"}:
            length = _range(setting, "minLength", "maxLength")
            values = f"text, length {length}" if length else "text"
        case {"type": "array", "items": items}:
            count = _range(setting, "minItems", "maxItems")
            values = f"list{f' of {count}' if count else ''}: {_values(items, definitions, anchors)}"
        case {"type": "object"}:
            values = "mapping of names to texts"
        case _:
            raise NotImplementedError(f"values of {setting}")
    return values


def _range(setting: Schema, least: str, most: str) -> str | None:
    low, high = setting.get(least), setting.get(most)
    if low is None or high is None:
        return f"at most {high}" if high is not None else f"at least {low}" if low is not None else None
    return f"{low} to {high}"


def _sizes() -> str:
    return table(("`cpu`", "`memory`"), (row(str(cpu), listed_sizes(fargate_memory(cpu))) for cpu in FARGATE_MEMORY))
