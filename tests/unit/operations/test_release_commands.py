"""`pythonbase releases` and `rollback`: what is chosen, and the names that they share with the constructs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pythonbase import ReleaseNames
from pythonbase_operations.aws import OperationError
from pythonbase_operations.cli import main
from pythonbase_operations.names import Names
from pythonbase_operations.releases.history import Release
from pythonbase_operations.releases.rollback import choose


def _history(*digests: str) -> list[Release]:
    """Releases of these digests, the newest first."""
    return [
        Release(
            version=len(digests) - index,
            when=datetime(2026, 11, 25, tzinfo=UTC),
            image=f"registry/orders@sha256:{digest}" if digest else "registry/pythonbase:latest",
            base_image="",
            commit=f"commit of {digest}",
            by="",
            why="",
        )
        for index, digest in enumerate(digests)
    ]


@pytest.mark.parametrize("environment", ["", "staging"])
def test_names_are_those_of_the_constructs(environment: str) -> None:
    ours, theirs = Names("orders", environment), ReleaseNames("orders", environment or None)
    assert ours.image_parameter == theirs.image_parameter
    assert ours.release_parameter == theirs.release_parameter
    assert ours.deployed == theirs.deployed_name
    assert ours.state_machine == theirs.state_machine_name


@pytest.mark.parametrize(
    ("digests", "to", "chosen"),
    [
        (("c" * 64, "b" * 64, "a" * 64, ""), "-1", "b"),
        (("c" * 64, "b" * 64, "a" * 64, ""), "-2", "a"),
        # after a rollback the release before is the one that was left
        (("a" * 64, "b" * 64, "a" * 64, ""), "-1", "b"),
        (("c" * 64, "c" * 64, "b" * 64), "-1", "b"),
        (("c" * 64, "b" * 64, "a" * 64), "aaaaaaaa", "a"),
        (("c" * 64, "b" * 64, "a" * 64), "sha256:" + "a" * 64, "a"),
        (("c" * 64, "b" * 64, "a" * 64), "c" * 12, "c"),
    ],
)
def test_the_release_that_is_meant(digests: tuple[str, ...], to: str, chosen: str) -> None:
    assert choose(_history(*digests), to).digest == f"sha256:{chosen * 64}"


@pytest.mark.parametrize(
    ("digests", "to", "message"),
    [
        (("",), "-1", "there is no release yet"),
        (("a" * 64, ""), "-1", "there are 0 earlier releases"),
        (("b" * 64, "a" * 64), "-2", "there are 1 earlier releases"),
        (("b" * 64,), "-0", "use -1 for the release before this one"),
        (("b" * 64,), "-x", "use -1 for the release before this one"),
        (("b" * 64,), "bb", "at least 8 characters"),
        (("b" * 64,), "c" * 64, "0 releases have such a digest"),
        (("b" * 63 + "1", "b" * 63 + "2"), "b" * 10, "2 releases have such a digest"),
    ],
)
def test_what_cannot_be_gone_back_to_is_refused(digests: tuple[str, ...], to: str, message: str) -> None:
    with pytest.raises(OperationError, match=message):
        choose(_history(*digests), to)


def test_without_credentials_it_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }.items():
        monkeypatch.setenv(name, value)
    assert main(["releases", "orders"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("pythonbase: ")
    assert len(captured.err.splitlines()) == 1
