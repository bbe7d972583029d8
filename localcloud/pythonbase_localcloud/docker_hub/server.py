"""Docker Hub and other registries in the box.

Run there as `python -m pythonbase_localcloud.docker_hub.server`; ends with SIGTERM.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from pythonbase_localcloud.docker_hub.accounts import Accounts
from pythonbase_localcloud.docker_hub.control_server import ControlServer
from pythonbase_localcloud.docker_hub.limiter import Limiter
from pythonbase_localcloud.docker_hub.limits import (
    ANONYMOUS_LIMIT,
    USER_LIMIT,
    WINDOW_SECONDS,
    Counter,
    Limits,
)
from pythonbase_localcloud.docker_hub.names import ADDRESS, VARIABLE
from pythonbase_localcloud.docker_hub.publish import Publisher
from pythonbase_localcloud.docker_hub.registry import Registry
from pythonbase_localcloud.docker_hub.service import Outage, Service
from pythonbase_localcloud.images import upstream

_PATHS = ("PROGRAM", "BUSYBOX", "STATE", "PYTHON", "RECORD", "CERT", "KEY")


def main() -> None:
    """Serve on 127.0.0.2:443, 127.0.0.3:443 and the control socket with what the environment names."""
    paths = {name: Path(os.environ[VARIABLE + name]) for name in _PATHS}
    limits = Limits(
        anonymous=int(os.environ.get(VARIABLE + "ANONYMOUS_LIMIT", ANONYMOUS_LIMIT)),
        user=int(os.environ.get(VARIABLE + "USER_LIMIT", USER_LIMIT)),
        window=float(os.environ.get(VARIABLE + "WINDOW", WINDOW_SECONDS)),
    )
    registry = Registry(paths["PROGRAM"], paths["STATE"] / "registry")
    service = Service(
        stands_in=bool(os.environ[VARIABLE + "STANDS_IN"]),
        counter=Counter(limits, journal=paths["STATE"] / "requests.jsonl"),
        upstream=Counter(Limits(anonymous=None, window=1.0)),
        accounts=Accounts(),
        registry=registry,
        publisher=Publisher(registry, python=paths["PYTHON"], busybox=paths["BUSYBOX"], record=paths["RECORD"]),
        outage=Outage(),
    )
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    for address in (upstream.ADDRESS, ADDRESS):
        limiter = Limiter((address, 443), service, certificate=paths["CERT"], key=paths["KEY"])
        threading.Thread(target=limiter.serve_forever, daemon=True).start()
    ControlServer(Path(os.environ[VARIABLE + "SOCKET"]), service).start()
    print(f"stands in for registries on {upstream.ADDRESS}:443 and {ADDRESS}:443", file=sys.stderr, flush=True)
    ended.wait()
    registry.stop()


if __name__ == "__main__":
    main()
