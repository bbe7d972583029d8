"""platform.schema.json and the tables of docs/platform.md say what the model of the settings says."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from tests.pages.schema import SCHEMA_FILE, schema, schema_text
from tests.pages.settings import PAGE, SettingsPageError, page


def _page(root: dict[str, Any]) -> str:
    return page(PAGE.read_text(encoding="utf-8"), root)


def test_the_schema_and_the_tables_are_up_to_date() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), "run: make docs"
    assert PAGE.read_text(encoding="utf-8") == _page(schema()), "run: make docs"


@pytest.mark.parametrize(
    "row",
    [
        "| `port` | 1 to 65535 | `8080` |",
        "| `repository` | text | **required** |",
        "| `pull_requests` | `true`, `false` | `false` |",
        "| `stands_in_for` | list: text | `[python:3.13, python:3.13-slim]` |",
        "| `availability_zones` | list of 2 to 3: text | the first `max_azs` by name |",
        "| `strategy` | `rolling`, `blue-green` | `rolling` |",
        "| `network` | [mapping](#network) | `{}` |",
        "| `environments` | list: [mapping](#servicesenvironments) | the service runs once |",
        "| `environment` | mapping of names to texts | `{}` |",
        "| `connection_name` | text, length at most 32 | `pythonbase`, with a prefix `<prefix>-pythonbase` |",
    ],
)
def test_a_row_has_the_values_and_the_default_of_its_field(row: str) -> None:
    assert f"\n{row} " in _page(schema())


def test_a_new_setting_gets_a_row_and_the_text_by_hand_stays() -> None:
    changed = schema()
    changed["$defs"]["Service"]["properties"]["grace"] = {
        "anyOf": [{"type": "integer", "minimum": 1, "maximum": 9}, {"type": "null"}],
        "default": None,
        "description": "Grace | mercy. Default: none at all.",
    }
    added = set(_page(changed).splitlines()) - set(PAGE.read_text(encoding="utf-8").splitlines())
    assert added == {r"| `grace` | 1 to 9 | none at all | Grace \| mercy. |"}


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"type": "integer", "default": 1}, "Service.grace: add a description to the field"),
        (
            {"type": "string", "default": None, "description": "Grace."},
            'Service.grace: end the description of the field with "Default: …."',
        ),
    ],
)
def test_a_setting_that_does_not_say_what_it_means_is_refused(setting: dict[str, Any], said: str) -> None:
    changed = deepcopy(schema())
    changed["$defs"]["Service"]["properties"]["grace"] = setting
    with pytest.raises(SettingsPageError, match=said):
        _page(changed)


def test_a_section_without_a_table_and_a_table_without_a_section_are_refused() -> None:
    changed = schema()
    changed["$defs"]["Zebra"] = {"type": "object", "properties": {}}
    with pytest.raises(SettingsPageError, match=r'platform\.md: Zebra: add "<!-- make docs: Zebra -->"'):
        _page(changed)
    changed = schema()
    del changed["$defs"]["DockerHub"]
    with pytest.raises(SettingsPageError, match=r"platform\.md: DockerHub: remove its table"):
        _page(changed)
