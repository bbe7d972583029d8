"""Finds acknowledgements that are not needed or give no reason, for the tests beside this module.

cdk-nag 3, the CDK library and the project's own check accept both silently.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import cast

import pytest
from aws_cdk import Acknowledgment, App, IPolicyValidationContext, PolicyValidationStack, Validations
from cdk_nag import AwsSolutionsChecks

from pythonbase import DockerHubCheck

_WORDS = 5
_WARNING_ID = re.compile(r"\[ack: ([^\]]+)\]")
# Words that fit any finding and cannot be verified.
_EMPTY_PHRASE = re.compile(
    r"\b(?:todo|fixme|tbd|false positive|not applicable|n/a|by design|as intended|accepted risk|for now|temporar\w+"
    r"|suppress\w*|ignor\w*|not needed|not relevant|see above)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, order=True)
class Acknowledged:
    """One acknowledgement: on which construct, of which finding."""

    path: str
    finding: str

    def covers(self, path: str, finding: str) -> bool:
        """Whether it accepts this finding of the construct at `path`: there or below."""
        return self.finding == finding and f"{path}/".startswith(f"{self.path}/")


@dataclass(frozen=True)
class Bare:
    """An app without the acknowledgements of our code.

    Those of the CDK library itself, for its own template validation, are made in JavaScript and stay.
    """

    made: dict[Acknowledged, str]
    """What our code would acknowledge, and its reasons."""
    found: set[tuple[str, str]]
    """What cdk-nag, the CDK library and the check for Docker Hub find: construct path and finding id."""


def build_bare(build: Callable[[], App]) -> Bare:
    """Builds the app without acknowledgements."""
    app, made = build_recorded(build)
    return Bare(made, findings(app))


def build_recorded(build: Callable[[], App]) -> tuple[App, dict[Acknowledged, str]]:
    """Builds the app without acknowledgements and plugins, and returns the acknowledgements beside it."""
    made: dict[Acknowledged, str] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Validations, "of", staticmethod(lambda construct: _Recorder(construct.node.path, made)))
        app = build()
    return app, made


def findings(app: App) -> set[tuple[str, str]]:
    """Findings of all checks that are not acknowledged: construct path and finding id."""
    report = AwsSolutionsChecks(app).validate_scope(app)
    found = {
        (str(resource.construct_path), violation.rule_name)
        for violation in report.violations
        for resource in violation.violating_resources
    }
    return found | set(_warnings(app)) | set(_docker_hub(app))


def _warnings(app: App) -> Iterator[tuple[str, str]]:
    """Warnings that constructs of the CDK library attach to themselves; the text ends with what acknowledges them."""
    for construct in app.node.find_all():
        for entry in construct.node.metadata:
            named = _WARNING_ID.search(str(entry.data)) if entry.type == "aws:cdk:warning" else None
            if named:
                yield construct.node.path, f"Annotation::{named[1]}"


def _docker_hub(app: App) -> Iterator[tuple[str, str]]:
    """Findings of the project's own check, which reads what synthesis wrote."""
    stacks = [
        PolicyValidationStack(stack_construct_path=stack.hierarchical_id, template_path=stack.template_full_path)
        for stack in app.synth().stacks_recursively
    ]
    context = cast(IPolicyValidationContext, SimpleNamespace(stack_templates=stacks, app_construct=app))
    for finding, path in DockerHubCheck().findings(context):
        yield path, finding.rule.id


class _Recorder:
    """Replaces `Validations` of one construct: records the calls, and does nothing."""

    def __init__(self, path: str, made: dict[Acknowledged, str]) -> None:
        self._path, self._made = path, made

    def acknowledge(self, *rules: Acknowledgment) -> None:
        for rule in rules:
            self._made[Acknowledged(self._path, rule.id)] = rule.reason

    def add_plugins(self, *_plugins: object) -> None:
        pass


def unneeded(made: Iterable[Acknowledged], found: Iterable[tuple[str, str]]) -> list[Acknowledged]:
    """The acknowledgements that could be removed without another finding.

    Args:
        made: The acknowledgements of an app.
        found: All findings of the same app without any acknowledgement.
    """
    needed = set()
    for path, finding in found:
        covering = {item for item in made if item.covers(path, finding)}
        if len(covering) == 1:  # with two for one finding, either can be removed
            needed |= covering
    return sorted(set(made) - needed)


def objection(reason: str) -> str | None:
    """What is wrong with a reason; None if it states something that a reader can check."""
    words = re.findall(r"[A-Za-z][\w'-]*", re.sub(r"https?://\S+", "", reason))
    if len(words) < _WORDS:
        return f"{len(words)} words are no statement"
    phrase = _EMPTY_PHRASE.search(reason)
    return f"{phrase[0]!r} can be said of every finding" if phrase else None
