"""docs/api/ is up to date with the docstrings, and these describe every argument."""

from __future__ import annotations

import pytest

import pythonbase
from tests.pages.api import FOLDER, Entry, entries, pages, undocumented, unsaid_defaults


@pytest.fixture(scope="module")
def every() -> list[Entry]:
    return entries()


def test_the_committed_pages_are_up_to_date() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
    assert committed == pages(), "run: make docs"


def test_every_public_name_is_in_the_reference(every: list[Entry]) -> None:
    assert {entry.name for entry in every if entry.imported_from == "pythonbase"} == set(pythonbase.__all__)


def test_every_argument_of_every_public_name_is_described(every: list[Entry]) -> None:
    assert [line for entry in every for line in undocumented(entry)] == []


def test_every_default_is_said_in_the_description_of_its_argument(every: list[Entry]) -> None:
    assert [line for entry in every for line in unsaid_defaults(entry)] == []
