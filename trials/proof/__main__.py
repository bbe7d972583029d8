"""The command `python -m trials.proof` (`make proof`)."""

from __future__ import annotations

import sys

from pythonbase_localcloud import instance
from pythonbase_localcloud.machine.commands import exit_code
from pythonbase_localcloud.machine.progress import reporter
from trials.proof.run import run_proof


def _run() -> None:
    print(run_proof(instance.find(), reporter()))


if __name__ == "__main__":
    sys.exit(exit_code(_run))
