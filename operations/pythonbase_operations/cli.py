"""The command `pythonbase`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

_EXTRA = {"boto3", "botocore", "dockerfile", "pydantic", "pydantic_core", "yaml"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; returns the exit code. An error is one line, without a traceback."""
    try:
        # The extra `operations` installs what the subcommands need. Users of the library may not have it.
        from pythonbase_operations.subcommands import OperationError, parser  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        print(f"pythonbase: {error.name} is missing; pip install 'pythonbase[operations]'", file=sys.stderr)
        return 2
    options: argparse.Namespace = parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except OperationError as error:
        print(f"pythonbase: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
