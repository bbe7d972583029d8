"""The file platform.schema.json, from the model of the settings: editors complete and check `platform.yaml` with it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pythonbase_settings import Settings

SCHEMA_FILE = Path(__file__).parents[2] / "platform.schema.json"

_LINK = re.compile(r"\[([^\]]+)\]\(([\w-]+\.md[\w#-]*)\)")
"""A link to a page of docs/ in the description of a setting."""


def schema() -> dict[str, Any]:
    """The JSON Schema, with descriptions in Markdown."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Settings.model_json_schema()}


def schema_text() -> str:
    """The text of the file. Editors show no links, so the name of the page stands after the text."""
    return _LINK.sub(r"\1 (docs/\2)", json.dumps(schema(), indent=2, ensure_ascii=False)) + "\n"


def write() -> None:
    """Write the file."""
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
