"""What is said of a failed build, for each log in explain_cases.py and for logs that nobody expects."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pythonbase_buildspecs.scripts import explain, known_failures
from tests.unit.buildspecs.explain_cases import CASES, Case, copy, step

PROGRAM = (Path(explain.__file__), Path(known_failures.__file__))


def run(folder: Path, *arguments: str) -> str:
    """What the program prints, as in a build: its two files in a folder, without this project."""
    for program in PROGRAM:
        (folder / program.name).write_bytes(program.read_bytes())
    done = subprocess.run(
        [sys.executable, "-S", "explain.py", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "LC_ALL": "POSIX"},
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""
    return done.stdout.decode()


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())


def test_there_are_enough_cases_and_each_has_a_name_of_its_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 25


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_failed_build_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: Case) -> None:
    write(tmp_path, {"log": case.log, **case.files})
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FRONTEND", raising=False)
    monkeypatch.delenv("DOCKER_VERSION", raising=False)
    for name, value in case.environment.items():
        monkeypatch.setenv(name, value)
    said = explain.main(["log", case.dockerfile])
    assert said == case.said.splitlines()
    assert len(said) <= 3
    assert max(map(len, said)) <= 240
    (summary,) = explain.main(["--summary", "log", case.dockerfile])
    assert len(summary) <= 300
    assert summary.startswith(said[0][:60])


def test_each_hint_has_a_case() -> None:
    said = "".join(case.said for case in CASES)
    known = (*known_failures.OUTPUT, *known_failures.ERRORS)
    fixes = [entry.fix.rpartition("}")[2] for entry in known if isinstance(entry.fix, str)]
    assert [fix for fix in fixes if fix not in said] == []


def test_the_program_runs_without_the_project(tmp_path: Path) -> None:
    case = next(case for case in CASES if case.name == "uv finds no versions")
    write(tmp_path, {"log": case.log})
    assert run(tmp_path, "log", "Dockerfile") == case.said


def test_the_context_can_be_another_folder(tmp_path: Path) -> None:
    write(tmp_path, {"log": copy("COPY a.txt .", "/a.txt"), "app/a.txt": "", "app/.dockerignore": "*.txt\n"})
    said = run(tmp_path, "log", "app/Dockerfile", "app").splitlines()
    assert said[-1] == "fix: line 1 of app/.dockerignore, *.txt, leaves a.txt out: remove it, or add !a.txt after it"


def test_the_summary_keeps_the_place_the_last_line_and_the_fix(tmp_path: Path) -> None:
    case = next(case for case in CASES if case.name == "no compiler")
    write(tmp_path, {"log": case.log})
    assert run(tmp_path, "--summary", "log", "Dockerfile") == (
        "error: Dockerfile:7: RUN pip install -r requirements.txt: exit code: 1; "
        "error: command 'gcc' failed: No such file or directory; fix: gcc is not in the image: install "
        "build-essential in a build stage, or use a version of lxml that has a wheel (this Python may be newer than "
        "its wheels)\n"
    )


def test_colours_and_control_characters_are_left_out(tmp_path: Path) -> None:
    colours = "\x1b[31m\x1b[1mERROR: No matching distribution\x1b[0m found for \x07flask\u202e\u009b99\x1b]0;title\x07"
    log = step("RUN pip install flask", colours).replace("\nERROR: failed", "\n\x1b[31mERROR: failed")
    write(tmp_path, {"log": log})
    assert run(tmp_path, "log", "Dockerfile").splitlines()[:2] == [
        "error: Dockerfile:7: RUN pip install flask: exit code: 1",
        "ERROR: No matching distribution found for flask 99",
    ]


def test_passwords_in_addresses_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, {"log": step("RUN pip install -i https://ci:secret@acme.example/simple x", "fatal: ssh://a:b@c/d")})
    said = run(tmp_path, "log", "Dockerfile")
    assert "https://***@acme.example/simple" in said
    assert "ssh://***@c/d" in said
    assert "secret" not in said


def test_long_lines_are_cut(tmp_path: Path) -> None:
    long = "x" * 10_000
    write(tmp_path, {"log": step(f"RUN {long}", f"ERROR: {long} the reason", "exit code: 9", line=120)})
    said = run(tmp_path, "log", "services/orders/Dockerfile").splitlines()
    assert said[0].startswith("error: services/orders/Dockerfile:120: RUN xxx")
    assert said[0].endswith("xxx: exit code: 9")
    assert said[1].endswith("xxx the reason")
    assert [len(line) for line in said] == [len(said[0]), 240]
    assert len(said[0]) < 150


@pytest.mark.parametrize("noise", ["#8 1.000 ERROR is what this line is not about, nor found\n", "\n", "x" * 999 + " "])
def test_a_large_log_is_read_at_once(tmp_path: Path, noise: str) -> None:
    log = (
        noise * (5_000_000 // len(noise))
        + "\n"
        + step("RUN pip install x", "ERROR: No matching distribution found for x")
    )
    write(tmp_path, {"log": log})
    started = time.process_time()
    said = explain.main([str(tmp_path / "log"), "Dockerfile"])
    assert time.process_time() - started < 1
    assert said[0] == "error: Dockerfile:7: RUN pip install x: exit code: 1"
    assert "ERROR: No matching distribution found for x" in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "error: the build failed\n"),
        (b"\n\n \n", "error: the build failed\n"),
        (bytes(range(256)) * 20, None),
        (b"ERROR: failed to solve: ", "error: failed to solve:\n"),
        (b"\xff\xfe\x00ERROR: failed to solve: x\n", None),
        (b'ERROR: failed to solve: "/' + b"a" * 900 + b'": not found\n', None),
        (b"error: \n", "error:\n"),
    ],
    ids=["empty", "blank", "every byte", "no reason", "no text", "a long name", "nothing said"],
)
def test_it_never_fails(tmp_path: Path, content: bytes, said: str | None) -> None:
    (tmp_path / "log").write_bytes(content)
    printed = run(tmp_path, "log", "Dockerfile")
    assert printed.startswith("error:")
    assert printed.count("\n") <= 4
    assert said is None or printed == said


def test_without_a_log_it_says_so(tmp_path: Path) -> None:
    missing = "error: the build failed\nnot explained: [Errno 2] No such file or directory: 'log'\n"
    assert run(tmp_path, "log", "Dockerfile") == missing
    assert run(tmp_path).startswith("error: the build failed\n")
