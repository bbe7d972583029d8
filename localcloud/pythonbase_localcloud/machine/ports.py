"""Ports on 127.0.0.1: chosen once per instance and remembered in files."""

from __future__ import annotations

import socket
from pathlib import Path

DEFAULT_PORT = 4566
"""The port that AWS emulators commonly use; the first instance on a machine gets it."""

DEFAULT_FRONT_PORT = 8080
"""Where load balancers are served over plain HTTP."""

LOOPBACK = "127.0.0.1"
_LAST_PORT = 65535


def remembered(port_file: Path) -> int | None:
    """The port that the file names, or None if there is no file or nothing usable in it."""
    try:
        port = int(port_file.read_text().strip())
    except (FileNotFoundError, ValueError):
        return None
    return port if 0 < port <= _LAST_PORT else None


def reserve(port_file: Path, *, preferred: int = DEFAULT_PORT) -> socket.socket:
    """Bind a port of the instance and return the listening socket; remembers the port in `port_file`.

    The remembered port is taken if there is one and it is free, else `preferred`, else the next free one above.
    Raises `OSError` if none is free up to 65535.
    """
    for port in range(remembered(port_file) or preferred, _LAST_PORT + 1):
        listener = _listen(port)
        if listener is not None:
            port_file.parent.mkdir(parents=True, exist_ok=True)
            port_file.write_text(f"{port}\n")
            return listener
    raise OSError(f"no free port between {preferred} and {_LAST_PORT} on {LOOPBACK}")


def _listen(port: int) -> socket.socket | None:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # a port whose last connections are still fading out (TIME_WAIT) is free
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
        listener.listen(128)
    except OSError:
        listener.close()
        return None
    return listener
