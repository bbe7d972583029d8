"""The command `pythonbase`."""

from __future__ import annotations

import argparse
import os
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
        code = int(options.run(options))
        sys.stdout.flush()
    except OperationError as error:
        print(f"pythonbase: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader has enough, such as head
        # https://docs.python.org/3/library/signal.html#note-on-sigpipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return code
