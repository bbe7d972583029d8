"""The report as text: one line for each reference, then a summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pythonbase_buildspecs import Outcome
from pythonbase_operations.adopt.model import Finding, Reach
from pythonbase_operations.adopt.survey import Problem, Survey
from pythonbase_operations.printing import count, one_line

_VERDICTS = {
    Outcome.BASE_IMAGE: "base image",
    Outcome.MIRRORED: "mirrored",
    Outcome.OWN_FRONTEND: "own frontend",
    Outcome.REFUSED: "refused",
}
_REACH = {
    Reach.BUILT: "",
    Reach.TARGET: " if its stage is built",
    Reach.TRIGGER: " in builds that start from this image",
    Reach.OUTSIDE: "not enforced, the source policy does not apply",
}


def render(survey: Survey, *, searched: Sequence[str], rewritten: Sequence[str] | None = None) -> str:
    """The report.

    Args:
        survey: What was found.
        searched: The paths that were searched.
        rewritten: Files that were changed; None without ``--write``.
    """
    lines = [finding_line(finding) for finding in survey.findings]
    lines += [
        f"{path}:{unknown.line}: {unknown.place} {one_line(unknown.written)}: not judged, it depends on a variable"
        for path, unknown in survey.unknown
    ]
    lines += [problem_line(problem) for problem in survey.problems]
    lines += [f"{path}: rewritten" for path in rewritten or ()]
    lines.append(summary(survey, searched=searched, rewritten=rewritten))
    return "\n".join(lines) + "\n"


def finding_line(finding: Finding) -> str:
    """One reference: where it is, its name, what builds do with it, what to write."""
    use = finding.use
    resolved = "" if use.reference.canonical.endswith(use.written) else f" ({use.reference.canonical})"
    written = f"{finding.path}:{use.line}: {use.place} {one_line(use.written)}{resolved}: {verdict(finding)}"
    return "; ".join(
        [written, *([f"write {finding.replacement}"] if finding.replacement else []), *filter(None, [finding.advice])]
    )


def verdict(finding: Finding) -> str:
    """What builds do with a reference."""
    if finding.use.reach is Reach.OUTSIDE:
        return _REACH[Reach.OUTSIDE]
    return _VERDICTS[finding.decision.outcome] + _REACH[finding.use.reach]


def problem_line(problem: Problem) -> str:
    """A file that could not be read."""
    return f"{problem.path}{f':{problem.line}' if problem.line else ''}: {problem.message}"


def summary(survey: Survey, *, searched: Sequence[str], rewritten: Sequence[str] | None) -> str:
    """The last line: how many references there are."""
    unreadable = f", {count(len(survey.problems), 'file')} not read" if survey.problems else ""
    if not survey.files:
        kinds = "no Dockerfile, compose file, buildspec or Bitbucket pipeline"
        return f"nothing to do: {kinds} was read in {', '.join(searched)}{unreadable}"
    if not survey.findings:
        return f"nothing to do: no reference to Docker Hub in {count(len(survey.files), 'file')}{unreadable}"
    counted = Counter(
        "not enforced"
        if finding.use.reach is Reach.OUTSIDE
        else "not built"
        if not finding.is_enforced
        else _VERDICTS[finding.decision.outcome]
        for finding in survey.findings
    )
    of = ", ".join(f"{number} {what}" for what, number in counted.items())
    text = f"{count(len(survey.findings), 'reference')} to Docker Hub in {count(len(survey.files), 'file')}: {of}"
    changed = f"; {count(len(rewritten), 'file')} rewritten" if rewritten is not None else ""
    return text + unreadable + changed
