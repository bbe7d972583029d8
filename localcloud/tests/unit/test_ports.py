"""Choosing ports: remembered, never another program's."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from pythonbase_localcloud.machine import ports


@pytest.fixture
def taken() -> Iterator[int]:
    """A port with the two above it free, taken by somebody."""
    with socket.socket() as somebody:
        somebody.bind((ports.LOOPBACK, 0))
        somebody.listen()
        yield somebody.getsockname()[1]


def test_the_preferred_port_is_taken_if_it_is_free_and_remembered(tmp_path: Path, taken: int) -> None:
    with ports.reserve(tmp_path / "port", preferred=taken + 1) as listener:
        port = listener.getsockname()[1]
        assert port > taken
        assert ports.remembered(tmp_path / "port") == port


def test_a_port_of_somebody_else_is_left_alone(tmp_path: Path, taken: int) -> None:
    with ports.reserve(tmp_path / "port", preferred=taken) as listener:
        assert listener.getsockname() != (ports.LOOPBACK, taken)


def test_two_instances_get_different_ports(tmp_path: Path, taken: int) -> None:
    with (
        ports.reserve(tmp_path / "one", preferred=taken) as one,
        ports.reserve(tmp_path / "two", preferred=taken) as two,
    ):
        assert one.getsockname() != two.getsockname()


def test_the_remembered_port_wins_over_the_preferred_one(tmp_path: Path, taken: int) -> None:
    with ports.reserve(tmp_path / "port", preferred=taken) as first:
        port = first.getsockname()[1]
    with ports.reserve(tmp_path / "port", preferred=1) as second:
        assert second.getsockname()[1] == port


def test_the_socket_is_on_the_loopback_only(tmp_path: Path, taken: int) -> None:
    with ports.reserve(tmp_path / "port", preferred=taken) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize("text", ["", "x\n", "0\n", "70000\n"])
def test_an_unusable_memory_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "port").write_text(text)
    assert ports.remembered(tmp_path / "port") is None
