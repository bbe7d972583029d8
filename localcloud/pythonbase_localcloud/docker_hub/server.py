"""Docker Hub in the box. Run there as `python -m pythonbase_localcloud.docker_hub.server`; ends with SIGTERM."""

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
    ECR_PUBLIC_PULLS_PER_SECOND,
    USER_LIMIT,
    WINDOW_SECONDS,
    Counter,
    Limits,
)
from pythonbase_localcloud.docker_hub.names import ADDRESS, VARIABLE
from pythonbase_localcloud.docker_hub.publish import Publisher
from pythonbase_localcloud.docker_hub.registry import Registry
from pythonbase_localcloud.docker_hub.service import Outage, Service


def main() -> None:
    """Serve on 127.0.0.3:443 and the control socket with what the environment names."""
    paths = {name: Path(os.environ[VARIABLE + name]) for name in ("PROGRAM", "BUSYBOX", "STATE", "PYTHON", "RECORD")}
    limits = Limits(
        anonymous=int(os.environ.get(VARIABLE + "ANONYMOUS_LIMIT", ANONYMOUS_LIMIT)),
        user=int(os.environ.get(VARIABLE + "USER_LIMIT", USER_LIMIT)),
        window=float(os.environ.get(VARIABLE + "WINDOW", WINDOW_SECONDS)),
    )
    registry = Registry(paths["PROGRAM"], paths["STATE"] / "registry")
    service = Service(
        counter=Counter(limits, journal=paths["STATE"] / "requests.jsonl"),
        ecr_public=Counter(Limits(anonymous=ECR_PUBLIC_PULLS_PER_SECOND, window=1.0)),
        accounts=Accounts(),
        registry=registry,
        publisher=Publisher(registry, python=paths["PYTHON"], busybox=paths["BUSYBOX"], record=paths["RECORD"]),
        outage=Outage(),
    )
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    limiter = Limiter(
        (ADDRESS, 443),
        service,
        certificate=os.environ[VARIABLE + "CERT"],
        key=os.environ[VARIABLE + "KEY"],
    )
    ControlServer(Path(os.environ[VARIABLE + "SOCKET"]), service).start()
    threading.Thread(target=limiter.serve_forever, daemon=True).start()
    print(f"stands in for Docker Hub on {ADDRESS}:443", file=sys.stderr, flush=True)
    ended.wait()
    registry.stop()


if __name__ == "__main__":
    main()
