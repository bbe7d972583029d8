"""The report as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pythonbase_operations.adopt.survey import Survey

VERSION = 1
"""Version of the document. It changes if a key is removed or changes its meaning."""


def render(survey: Survey, *, rewritten: Sequence[str] | None = None) -> str:
    """The report.

    Args:
        survey: What was found.
        rewritten: Files that were changed; None without ``--write``.
    """
    document = {
        "version": VERSION,
        "files": sorted(survey.files),
        "references": [
            {
                "path": finding.path,
                "line": finding.use.line,
                "place": finding.use.place,
                "written": finding.use.written,
                "reference": finding.use.reference.canonical,
                "outcome": finding.decision.outcome.value,
                "reach": finding.use.reach.value,
                "fails": finding.fails,
                "replacement": finding.replacement,
                "advice": finding.advice,
            }
            for finding in survey.findings
        ],
        "not_judged": [
            {"path": path, "line": unknown.line, "place": unknown.place, "written": unknown.written}
            for path, unknown in survey.unknown
        ],
        "problems": [
            {"path": problem.path, "line": problem.line, "message": problem.message} for problem in survey.problems
        ],
        "rewritten": list(rewritten or ()),
    }
    return json.dumps(document, indent=2) + "\n"
