"""Commits to a service's repository: good ones, and the faults that a commit can have."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

Change = Callable[[Path], None]
"""Changes the files of a clone."""

APP = Path(__file__).parent / "app"

_STARTS_AND_EXITS = 'CMD ["python", "-c", "import sys; sys.exit(3)"]'
_NEVER_HEALTHY = 'CMD ["python", "-c", "import time; time.sleep(600)"]'
_FLAPS = """\
import itertools
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

answers = itertools.cycle([200, 500])

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(next(answers))
        self.send_header("Content-Length", "0")
        self.end_headers()

if __name__ == "__main__":
    ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
"""


def version(name: str) -> Change:
    """A version that works and says its name."""

    def change(clone: Path) -> None:
        for path in APP.iterdir():
            if path.is_file():
                shutil.copy(path, clone)
        source = clone / "app.py"
        source.write_text(re.sub(r"^VERSION = .*$", f'VERSION = "{name}"', source.read_text(), flags=re.MULTILINE))

    return change


def does_not_build(clone: Path) -> None:
    """A step of the Dockerfile fails."""
    _append(clone, "RUN echo 'this step has a reason to fail' && exit 7")


def starts_and_exits(clone: Path) -> None:
    """The container ends at once."""
    _append(clone, _STARTS_AND_EXITS)


def never_healthy(clone: Path) -> None:
    """The container runs and answers nothing."""
    _append(clone, _NEVER_HEALTHY)


def health_flaps(clone: Path) -> None:
    """Every other health check fails."""
    (clone / "app.py").write_text(_FLAPS)


def tests_fail(clone: Path) -> None:
    """The service's own tests fail: its application cannot be imported."""
    (clone / "app.py").write_text("raise RuntimeError('this test has a reason to fail')\n")


def nothing(clone: Path) -> None:
    """A commit without a change."""


def _append(clone: Path, line: str) -> None:
    dockerfile = clone / "Dockerfile"
    dockerfile.write_text(f"{dockerfile.read_text().rstrip()}\n{line}\n")
