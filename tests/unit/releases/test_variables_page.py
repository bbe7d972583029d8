"""Every variable of a release is in the table with its meaning, and has a value before it is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.pages.variables import (
    PAGE,
    RECONCILER,
    RECONCILER_MEANINGS,
    RELEASE,
    RELEASE_MEANINGS,
    page,
    read,
    uses,
)


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: make docs"


@pytest.mark.parametrize(
    ("definition", "meanings"),
    [(RELEASE, RELEASE_MEANINGS), (RECONCILER, RECONCILER_MEANINGS)],
    ids=["release", "reconciler"],
)
def test_the_table_has_every_variable_of_the_definition_and_no_other(
    definition: Mapping[str, Any], meanings: Mapping[str, str]
) -> None:
    assert uses(definition).keys() == meanings.keys()


@pytest.mark.parametrize(
    ("expression", "variables"),
    [
        ("{% $image & ' costs $money' %}", ["image"]),
        ("{% ($found := $service.Id; $exists($found) ? $found : $before) %}", ["service", "before"]),
        ("{% $sift($definition, function($value, $key) { $key in $names }) %}", ["definition", "names"]),
        ("{% $states.result.Tasks[TaskArn = $task].($ & $string(Reason)) %}", ["task"]),
        ("$image", []),
    ],
)
def test_variables_are_told_from_functions_texts_and_names_of_the_expression(
    expression: str, variables: list[str]
) -> None:
    assert [*read({"Output": [expression]})] == variables


@pytest.mark.parametrize("variable", RELEASE_MEANINGS)
def test_no_way_leads_to_a_step_that_reads_a_variable_without_a_value(variable: str) -> None:
    states = RELEASE["States"]
    found: set[str] = set()
    open_ = [RELEASE["StartAt"]]
    while open_:
        name = open_.pop()
        if name not in found:
            found.add(name)
            open_ += _next_without(states[name], variable)
    assert [name for name in found if variable in read(states[name])] == []


def _next_without(state: Mapping[str, Any], variable: str) -> Iterator[str]:
    """The states that may follow, except where the variable is assigned."""
    for way in (state, *state.get("Choices", []), *state.get("Catch", [])):
        # These are true only after the steps Register and Update, which are on the ways themselves.
        is_later = way.get("Condition", "").startswith(("{% $registered", "{% $touched"))
        if "Next" in way and variable not in way.get("Assign", {}) and not is_later:
            yield way["Next"]
    if "Default" in state:
        yield state["Default"]
