"""The JSON Schema that editors use says the same as the model."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # it has no types

from tests.pages.schema import SCHEMA_FILE, schema_text

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(schema_text())
    Draft202012Validator.check_schema(loaded)
    return loaded


def test_schema_does_not_depend_on_the_hash_seed() -> None:
    texts = {
        subprocess.run(
            [sys.executable, "-c", "from tests.pages.schema import schema_text; print(schema_text(), end='')"],
            cwd=REPOSITORY,
            env={"PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert texts == {schema_text()}


def test_platform_file_names_the_schema_in_its_first_line() -> None:
    first = (REPOSITORY / "platform.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == f"# yaml-language-server: $schema={SCHEMA_FILE.name}"


def test_platform_file_is_valid_by_the_schema(schema: dict[str, Any]) -> None:
    data = yaml.safe_load((REPOSITORY / "platform.yaml").read_text(encoding="utf-8"))
    assert list(Draft202012Validator(schema).iter_errors(data)) == []


@pytest.mark.parametrize(
    "service",
    [
        {"name": "orders", "repository": "acme/orders", "prot": 8080},
        {"name": "orders", "repository": "acme/orders", "port": "8080"},
        {"name": "orders", "repository": "acme/orders", "cpu": 300},
        {"name": "orders", "repository": "acme/orders", "load_balancer": "private"},
        {"name": "orders", "repository": "acme/orders", "environment": {"1A": "x"}},
        {"name": "Orders", "repository": "acme/orders"},
        {"name": "orders"},
    ],
)
def test_schema_refuses_what_the_model_refuses(schema: dict[str, Any], service: dict[str, Any]) -> None:
    assert list(Draft202012Validator(schema).iter_errors({"services": [service]}))


def test_descriptions_name_the_pages_that_they_link_to() -> None:
    text = schema_text()
    assert "First of two keys (docs/state.md#two-keys-to-destroy) to delete" in text
    assert not re.search(r"\]\([\w-]+\.md", text)
