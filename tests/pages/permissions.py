"""The page docs/permissions.md, which lists what every role may do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.pages.everything import KINDS, Synthesized, synthesize
from tests.pages.markdown import row, table
from tests.pages.policy_statements import Role, Statement, resource_policies, roles
from tests.pages.wildcard_reasons import TABLE, Reasons, Table
from tests.unit.acknowledgements import Acknowledged
from tests.unit.synthesis import ROOT

PAGE = ROOT / "docs" / "permissions.md"

_BY_THE_LIBRARY = re.compile(
    r"/(Custom::\w+|EventsRole|IAMRole|SchedulerRoleForTarget-\w+|TaskRole|framework-\w+|waiter-state-machine)(/|$)"
)
"""Construct paths of roles that none of our code makes or gives permissions."""

_INTRODUCTION = """\
# Permissions

Every IAM role of the application: who may assume it, what it may do, and why a statement names more than one thing.
`make docs` writes this page from the templates of [a platform with everything](../tests/pages/everything.py).

- `${Id}` is a resource of the stack, `${Stack:Id}` one of another stack, `${Id.split("/")[1]}` a part of its ARN.
- `<account>` and `<region>` are where the stack is, `<pipeline account>` and `<pipeline region>` where the pipelines
  are. In the example, production is in 222233334444, us in us-east-1, asia in 333344445555 and ap-southeast-1.
- A role of several stacks is shown once, with `<service>`, `<environment>` and `<network>` for what differs. For a
  service without environments `<service>-<environment>` and `<service>/<environment>` are its name.
- After the colon stands why a statement that allows something has a `*` or `?`: from the acknowledgement in the code,
  or from [a table](../tests/pages/wildcard_reasons.py). A statement that denies needs no reason.
- *CDK library*: a role that the CDK library makes by itself. This repository gives it no permissions.
"""


class PermissionsError(Exception):
    """The page cannot be written: each line says what lacks a reason, or which reason nothing needs."""


@dataclass(frozen=True)
class _Group:
    """What is the same in several stacks."""

    text: str
    stacks: list[str]


def page(
    stacks: Sequence[Synthesized],
    acknowledged: Mapping[Acknowledged, str],
    table: Table = TABLE,
) -> str:
    """The whole page.

    Args:
        stacks: The stacks of the application.
        acknowledged: What its code acknowledged, and its reasons.
        table: Reasons for what cdk-nag does not report, and what may be allowed on everything.

    Raises:
        PermissionsError: if a wildcard has no reason, or a reason no wildcard.
    """
    reasons = Reasons(acknowledged, table)
    # First what has a name of its own for everything: its text can be put into the words of the others.
    stacks = sorted(stacks, key=lambda stack: (-len({*stack.words.values()}), stack.name))
    found = [(stack, role) for stack in stacks for role in roles(stack.resources, stack.paths)]
    parts = [_INTRODUCTION]
    for kind in KINDS:
        parts += _section([(stack, role) for stack, role in found if stack.kind_of(role.path) == kind], kind, reasons)
    parts += [_names(found), _managed_policies(found, reasons), _resource_policies(stacks, reasons)]
    if reasons.problems():
        raise PermissionsError("\n".join(reasons.problems()))
    return "\n".join(parts)


def write() -> None:
    """Write the page."""
    PAGE.write_text(page(*synthesize()), encoding="utf-8")


def _section(found: Sequence[tuple[Synthesized, Role]], kind: str, reasons: Reasons) -> Iterator[str]:
    if not found:
        return
    everywhere = sorted({stack.name for stack, _ in found})
    yield f"## {kind}\n\n{_in(everywhere)}\n"
    for group in _grouped((stack, _role(role, reasons)) for stack, role in found):
        heading, _, rest = group.text.partition("\n\n")
        yield f"{heading}\n\n{rest if group.stacks == everywhere else f'{_in(group.stacks)} {rest}'}"


def _role(role: Role, reasons: Reasons) -> str:
    about = [f"`{role.description}`."] if role.description else []
    for statement in role.trust:
        condition = f" if {_all(statement.conditions)}" if statement.conditions else ""
        about += [f"Assumed by {_code(statement.principals)}{condition}.", *reasons.of(statement)]
    about += ["*CDK library.*"] if _BY_THE_LIBRARY.search(role.path) else []
    statements = [_item(statement, reasons) for statement in role.statements] or ["It may do nothing."]
    return "\n".join([f"### {role.logical_id}\n", f"{' '.join(about)}\n", *statements, ""])


def _item(statement: Statement, reasons: Reasons) -> str:
    actions, resources, conditions, why = _what(statement, reasons)
    condition = f" if {conditions}" if conditions else ""
    return f"- {statement.effect} {actions} on {resources}{condition}{f': {why}' if why else ''}"


def _names(found: Sequence[tuple[Synthesized, Role]]) -> str:
    rows = ((stack, row(f"`{role.logical_id}`", f"`{role.name}`")) for stack, role in found if role.name)
    return f"## Roles with names\n\n{table(('Role', 'Name', 'Stacks'), _with_stacks(rows))}"


def _managed_policies(found: Sequence[tuple[Synthesized, Role]], reasons: Reasons) -> str:
    rows = (
        (stack, row(f"`{role.logical_id}`", f"`{policy.text}`", reasons.of_policy(policy, role.path)))
        for stack, role in found
        for policy in role.managed_policies
    )
    columns = ("Role", "Policy", "Why", "Stacks")
    return f"## Managed policies\n\n{table(columns, _with_stacks(rows))}"


def _resource_policies(stacks: Sequence[Synthesized], reasons: Reasons) -> str:
    rows = (
        (stack, row(f"`{policy.resource}`", _code(statement.principals), statement.effect, *_what(statement, reasons)))
        for stack in stacks
        for policy in resource_policies(stack.resources, stack.paths)
        for statement in policy.statements
    )
    columns = ("Resource", "Who", "Effect", "Actions", "Resources", "Only if", "Why a wildcard", "Stacks")
    return f"## Policies of resources\n\n{table(columns, _with_stacks(rows))}"


def _what(statement: Statement, reasons: Reasons) -> tuple[str, ...]:
    why = "; ".join(reasons.of(statement))
    return _code(statement.actions), _code(statement.resources), _all(statement.conditions), why


# -- grouping ----------------------------------------------------------------------------------------------------------


def _grouped(found: Iterable[tuple[Synthesized, str]]) -> list[_Group]:
    """Texts that say the same in the words of their stacks, in the order of their first appearance."""
    groups: list[_Group] = []
    for stack, text in found:
        same = next((group for group in groups if _specific(group.text, stack.words) == text), None)
        if same:
            same.stacks.append(stack.name)
        else:
            groups.append(_Group(_general(text, stack.words), [stack.name]))
    for group in groups:
        group.stacks.sort()
    return groups


def _general(text: str, words: Mapping[str, str]) -> str:
    """Placeholders for the words; the first of the placeholders that a word has."""
    for placeholder, word in sorted(words.items(), key=lambda item: -len(item[1])):
        text = re.sub(rf"\b{re.escape(word)}\b", placeholder, text)
    return text


def _specific(text: str, words: Mapping[str, str]) -> str:
    for placeholder in sorted(words, key=len, reverse=True):
        text = text.replace(placeholder, words[placeholder])
    return text


# -- Markdown ----------------------------------------------------------------------------------------------------------


def _with_stacks(rows: Iterable[tuple[Synthesized, str]]) -> Iterator[str]:
    for group in _grouped(rows):
        yield f"{group.text} {_code(group.stacks)} |"


def _in(stacks: Sequence[str]) -> str:
    return f"In {_code(stacks)}."


def _code(values: Iterable[str]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _all(conditions: Sequence[str]) -> str:
    return " and ".join(conditions)
