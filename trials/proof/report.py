"""The result as text: a table for the terminal and for docs/proof.md."""

from __future__ import annotations

from collections.abc import Sequence

from pythonbase_localcloud.machine.commands import LocalCloudError
from trials.proof.result import Refresh, Result

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def tables(result: Result) -> str:
    """Both tables in Markdown, with the settings that they were measured with."""
    hours = result.window / 3600
    lines = [
        f"Limits: {result.limit} pulls of an address and {result.user_limit} of a free account in {hours:g} hours, "
        "1 pull a second from ECR Public without a log-in.",
        "",
        *_table(
            ("Where builds get their base image", "Builds", "Failed", "First at build", "Docker Hub pulls"),
            [
                (one.name, str(one.builds), str(one.failures), str(one.first_failure or ""), str(one.docker_hub_pulls))
                for one in result.series
            ],
        ),
        "",
        *_table(
            ("Refreshes of the base image in a day", "Runs", "Published", "Docker Hub pulls", "Pulls a run"),
            [
                _refresh_row("first build, during the deployment", 1, 1, result.first_build_pulls),
                _refreshes("upstream changed", [one for one in result.refreshes if one.changed]),
                _refreshes("nothing new", [one for one in result.refreshes if not one.changed]),
            ],
        ),
    ]
    reasons = [f"- {one.name}: `{one.reason}`" for one in result.series if one.reason]
    if reasons:
        lines += ["", "The first failure of each, in the builder's words:", "", *reasons]
    return "\n".join(lines)


def replaced(document: str, text: str) -> str:
    """The document with `text` between its two markers. Raises `LocalCloudError` if it lacks them."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise LocalCloudError(f"docs/proof.md lacks the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def _refreshes(name: str, runs: Sequence[Refresh]) -> tuple[str, ...]:
    return _refresh_row(name, len(runs), sum(run.published for run in runs), sum(run.pulls for run in runs))


def _refresh_row(name: str, runs: int, published: int, pulls: int) -> tuple[str, ...]:
    return (name, str(runs), str(published), str(pulls), f"{pulls / runs:g}" if runs else "")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]
    rule = ["-" * width if index == 0 else "-" * (width - 1) + ":" for index, width in enumerate(widths)]
    return [
        "| "
        + " | ".join(_padded(cell, width, index) for index, (cell, width) in enumerate(zip(row, widths, strict=True)))
        + " |"
        for row in (head, rule, *rows)
    ]


def _padded(cell: str, width: int, column: int) -> str:
    return cell.ljust(width) if column == 0 else cell.rjust(width)
