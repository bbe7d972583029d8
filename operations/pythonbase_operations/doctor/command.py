"""The subcommand `doctor`: options, and exit codes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pythonbase_operations.doctor import declared, documents, texts
from pythonbase_operations.doctor.examination import examine
from pythonbase_operations.doctor.finding import CannotRunError

ERRORS, CANNOT_RUN = 1, 2
"""Exit codes: an error was found; nothing could be examined."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    parser.add_argument(
        "--config", type=Path, default=Path("platform.yaml"), metavar="FILE", help="default: platform.yaml"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text")


def run(options: argparse.Namespace) -> int:
    """Examine and report; returns the exit code."""
    try:
        examination = examine(declared.load(options.config))
    except CannotRunError as error:
        for line in str(error).splitlines():
            print(f"pythonbase doctor: {line}", file=sys.stderr)
        return CANNOT_RUN
    sys.stdout.write(documents.render(examination) if options.format == "json" else texts.render(examination))
    return ERRORS if examination.errors else 0
