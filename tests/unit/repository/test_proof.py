"""The proof: what it says of what it measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from pythonbase_localcloud.instance import Instance
from pythonbase_localcloud.machine.commands import LocalCloudError
from trials.proof import report
from trials.proof.hosts_of_builds import CleanHost, reason_of
from trials.proof.result import Refresh, Result, Series
from trials.proof.run import Proof

REFUSAL = (
    "#3 ERROR: failed\nERROR: failed to solve: python:3.13-slim: status https://registry-1.docker.io/v2/x: "
    "429 Too Many Requests - Server message: toomanyrequests: You have reached your limit"
)


def series(name: str, *outcomes: bool, pulls: int = 0, reason: str = "") -> Series:
    return Series(name=name, outcomes=outcomes, docker_hub_pulls=pulls, reason=reason, seconds=1)


@pytest.fixture
def result() -> Result:
    return Result(
        limit=2,
        user_limit=200,
        window=21_600,
        series=(
            series("FROM a & b", True, True, False, False, pulls=2, reason="toomanyrequests"),
            series("pipeline", True, True, True, True),
        ),
        refreshes=tuple(
            Refresh(changed=hour == 1, published=hour == 1, pulls=int(hour == 1), seconds=1) for hour in range(4)
        ),
        first_build_pulls=1,
        seconds=60,
    )


def test_a_series_knows_where_it_failed_first() -> None:
    refused = series("x", True, True, False, True)
    assert (refused.builds, refused.failures, refused.first_failure) == (4, 1, 3)
    assert series("x", True).first_failure is None


def test_the_table_has_the_numbers_that_were_measured(result: Result) -> None:
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in report.tables(result).splitlines()]
    assert ["FROM a & b", "4", "2", "3", "2"] in cells
    assert ["pipeline", "4", "0", "", "0"] in cells
    assert ["upstream changed", "1", "1", "1", "1"] in cells
    assert ["nothing new", "3", "0", "0", "0"] in cells
    assert "- FROM a & b: `toomanyrequests`" in report.tables(result)


def test_only_what_is_between_the_markers_is_replaced() -> None:
    document = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
    once = report.replaced(document, "new")
    assert once == f"before\n{report.BEGIN}\n\nnew\n\n{report.END}\nafter\n"
    assert report.replaced(once, "new") == once
    with pytest.raises(LocalCloudError, match=r"docs/proof\.md lacks the lines"):
        report.replaced("no markers", "new")


def test_the_reason_of_a_failure_is_what_the_registry_said() -> None:
    assert reason_of(REFUSAL) == "toomanyrequests: You have reached your limit"
    assert reason_of("one\nlast words\n") == "last words"
    assert reason_of("") == "no reason was printed"


def test_a_host_that_still_has_the_image_is_not_taken_for_a_clean_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = CleanHost(instance=Instance(root=tmp_path, home=tmp_path, cache=tmp_path))
    monkeypatch.setattr(CleanHost, "docker", lambda *_words, **_options: "python:3.13-slim python sha256:1\n")
    host.clean("busybox")
    with pytest.raises(LocalCloudError, match="the host is not clean: it still has sha256:1"):
        host.clean("python")


@pytest.mark.parametrize("builds", [0, -1])
def test_a_proof_of_nothing_is_refused(tmp_path: Path, builds: int) -> None:
    with pytest.raises(LocalCloudError, match="PROOF_BUILDS must be at least 1"):
        Proof(Instance(root=tmp_path, home=tmp_path, cache=tmp_path), builds=builds, say=lambda _: None)
