"""How the tests are divided among processes: the repository's `conftest.py`, with the real pytest-xdist."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.synthesis import ROOT

MODULE = """\
import os, pathlib, pytest
{mark}
@pytest.mark.parametrize("number", range(4))
def test_it(number):
    with pathlib.Path("processes").open("a") as file:
        file.write(f"{{pathlib.Path(__file__).stem}} {{os.environ.get('PYTEST_XDIST_WORKER')}}\\n")
"""
MARKS = {
    "test_a": "",
    "test_b": "",
    "test_c": 'pytestmark = pytest.mark.xdist_group("long", order=2)',
    "test_d": 'pytestmark = pytest.mark.xdist_group("longest", order=1)',
    "test_e": 'pytestmark = pytest.mark.xdist_group("long", order=2)',
}


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "conftest.py", tmp_path)
    for name, mark in MARKS.items():
        (tmp_path / f"{name}.py").write_text(MODULE.format(mark=mark))
    return tmp_path


def run(suite: Path, *options: str) -> list[str]:
    command = [sys.executable, "-m", "pytest", "-q", "--rootdir", str(suite), *options]
    return subprocess.run(command, cwd=suite, capture_output=True, text=True, check=True).stdout.splitlines()


def test_the_tests_of_a_group_or_of_a_module_run_in_one_process(suite: Path) -> None:
    run(suite, "--numprocesses", "3", "--dist", "loadgroup", "--no-loadscope-reorder")
    processes: dict[str, set[str]] = {}
    for line in (suite / "processes").read_text().splitlines():
        module, process = line.split()
        processes.setdefault({"test_e": "test_c"}.get(module, module), set()).add(process)
    assert {module: len(used) for module, used in processes.items()} == dict.fromkeys(
        ("test_a", "test_b", "test_c", "test_d"), 1
    )


def test_groups_start_in_their_order_and_all_others_after_them(suite: Path) -> None:
    collected = [line.partition(".py::")[0] for line in run(suite, "--collect-only") if "::" in line]
    assert list(dict.fromkeys(collected)) == ["test_d", "test_c", "test_e", "test_a", "test_b"]
