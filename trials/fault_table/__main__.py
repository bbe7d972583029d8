"""The command `python -m trials.fault_table` (`make faults`)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from pythonbase_localcloud import instance
from pythonbase_localcloud.machine.commands import exit_code
from pythonbase_localcloud.machine.progress import reporter
from trials.fault_table.run import run_fault_table


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m trials.fault_table", description="Inject faults into releases and print what was observed."
    )
    parser.add_argument("--only", action="append", default=[], metavar="TEXT", help="faults whose name has the text")
    return parser


def _run(only: Sequence[str]) -> None:
    print(run_fault_table(instance.find(), reporter(), only=only))


if __name__ == "__main__":
    options = _parser().parse_args()
    sys.exit(exit_code(lambda: _run(options.only)))
