"""Writes docs/release-variables.md: what the variables of a release mean, and which steps use them: ``make docs``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pythonbase import ReleaseNames
from pythonbase.releases import _reconciler_steps
from pythonbase.releases.steps import ReleaseTarget, release_steps
from pythonbase.releases.steps.variables import VARIABLES
from tests.unit.synthesis import ROOT

PAGE = ROOT / "docs" / "release-variables.md"

RELEASE = release_steps(
    ReleaseTarget(
        names=ReleaseNames("orders", "staging"),
        cluster_name="cluster",
        container_name="app",
        registry_id="111122223333",
        repository_uri="111122223333.dkr.ecr.eu-central-1.amazonaws.com/orders",
        locks_table="locks",
        timeout_seconds=1800,
    )
)
RELEASE_MEANINGS = {name: variable.meaning for name, variable in VARIABLES.items()}
RECONCILER = _reconciler_steps.reconciler_steps("cluster", "arn:aws:states:eu-central-1:111122223333:stateMachine:")
RECONCILER_MEANINGS = _reconciler_steps.VARIABLES

_INTRODUCTION = """\
# Variables of a release

The [variables](https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html) of the state machines that
release and reconcile, and the steps that assign and read them. `make docs` writes this page from the definitions. What
the steps do: [releases.md](releases.md#what-a-release-does).
"""

_STRING = re.compile(r"'[^']*'")
_LOCAL = re.compile(r"\$(\w+)\s*:=")
_PARAMETERS = re.compile(r"function\(([^)]*)\)")
_VARIABLE = re.compile(r"\$([A-Za-z]\w*)\b(?!\()")


@dataclass
class Use:
    """The steps that use a variable, in the order of the definition."""

    assigned_by: list[str] = field(default_factory=list)
    read_by: list[str] = field(default_factory=list)


def page() -> str:
    """The whole page."""
    return "\n".join(
        [
            _INTRODUCTION,
            *_section("The release", RELEASE, RELEASE_MEANINGS),
            *_section("The reconciler", RECONCILER, RECONCILER_MEANINGS),
        ]
    )


def write() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


def uses(definition: Mapping[str, Any]) -> dict[str, Use]:
    """Every variable that a definition assigns or reads."""
    found: dict[str, Use] = {}
    for name, state in _states(definition):
        for variable in {key: None for part in (state, *state.get("Catch", [])) for key in part.get("Assign", {})}:
            found.setdefault(variable, Use()).assigned_by.append(name)
        for variable in dict.fromkeys(read(state)):
            found.setdefault(variable, Use()).read_by.append(name)
    return found


def read(state: Mapping[str, Any]) -> Iterator[str]:
    """The variables that a state reads. Those of an expression itself, and the states of a Map, are not among them."""
    for key, value in state.items():
        if key != "ItemProcessor":
            yield from _read(value)


def _read(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _read(item)
    elif isinstance(value, list):
        for item in value:
            yield from _read(item)
    elif isinstance(value, str) and value.startswith("{%"):
        code = _STRING.sub("", value)
        local = {*_LOCAL.findall(code), *re.findall(r"\w+", " ".join(_PARAMETERS.findall(code))), "states"}
        yield from (name for name in _VARIABLE.findall(code) if name not in local)


def _states(definition: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, state in definition["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from _states(state["ItemProcessor"])


def _section(heading: str, definition: Mapping[str, Any], meanings: Mapping[str, str]) -> Iterator[str]:
    used = uses(definition)
    yield f"## {heading}\n\n| Variable | Meaning | Assigned by | Read by |\n|---|---|---|---|"
    for name, meaning in meanings.items():
        yield f"| `{name}` | {meaning} | {_code(used[name].assigned_by)} | {_code(used[name].read_by)} |"
    yield ""


def _code(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
