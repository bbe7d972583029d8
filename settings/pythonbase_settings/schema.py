"""Writes the JSON Schema of the settings, by which editors complete and check `platform.yaml`.

Run it after a change of the model: `python -m pythonbase_settings.schema`.
"""

import json
from pathlib import Path

from pythonbase_settings.settings import Settings

SCHEMA_FILE = Path(__file__).resolve().parents[2] / "platform.schema.json"


def schema_text() -> str:
    """The schema as it stands in the file. Settings come in the order of the model: it is the order to read them in."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Settings.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
    print(f"wrote {SCHEMA_FILE.name}")
