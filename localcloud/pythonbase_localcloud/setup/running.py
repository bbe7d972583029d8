"""What of an instance runs: its box, the engine and the AWS server in it; waiting for them."""

from __future__ import annotations

import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable

from pythonbase_localcloud.box import container_box, namespace_box
from pythonbase_localcloud.box.init import engine_answers
from pythonbase_localcloud.instance import Instance
from pythonbase_localcloud.machine.commands import CommandError, LocalCloudError

_ENGINE = "the Docker engine"
_SERVER = "the AWS server"
_ENGINE_SECONDS = 75.0
_SERVER_SECONDS = 60.0


def find_box(instance: Instance) -> namespace_box.Box | None:
    """The box that an earlier `up` recorded, running or not."""
    try:
        record = json.loads((instance.run / namespace_box.RECORD_FILE).read_text())
    except (FileNotFoundError, ValueError):
        return None
    if record["kind"] == "container":
        return container_box.ContainerBox(instance, record["docker"], record["host"])
    return namespace_box.NamespaceBox(instance, record["pid"], record["started"])


def server_answers(instance: Instance) -> bool:
    """Whether something answers HTTP over the instance's TLS at the endpoint."""
    try:
        context = ssl.create_default_context(cafile=str(instance.ca_bundle))
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        with opener.open(f"{instance.endpoint_url}/_ministack/health", timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def server_is_well(instance: Instance) -> bool:
    """Whether the box runs the AWS server and that answers."""
    # the box keeps the socket of a server that has ended: asking there means waiting for nobody
    return namespace_box.state(instance)[0] == "server" and server_answers(instance)


def wait_for_engine(instance: Instance, running: namespace_box.Box) -> None:
    """Wait until the box's engine answers. Raises `LocalCloudError` with the end of its log."""
    path = str(instance.docker_socket)
    _wait(instance, running, lambda: engine_answers(path), _ENGINE, _ENGINE_SECONDS)


def wait_for_server(instance: Instance, running: namespace_box.Box) -> None:
    """Wait until the AWS server answers. Raises `LocalCloudError` with the end of its log."""
    _wait(instance, running, lambda: server_is_well(instance), _SERVER, _SERVER_SECONDS)


def _wait(instance: Instance, running: namespace_box.Box, ready: Callable[[], bool], what: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        phase, error = namespace_box.state(instance)
        if error or not running.is_running():
            problem = error or "the box ended"
        elif time.monotonic() > deadline:
            problem = f"no answer after {seconds:.0f} s"
        else:
            time.sleep(0.1)
            continue
        if phase != "server-ended":
            _try_stop(running)
        raise LocalCloudError(f"{what} did not start: {problem}{_last_words(instance, what)}")


def _last_words(instance: Instance, what: str) -> str:
    log = instance.logs / {_SERVER: "server.log", _ENGINE: "engine.log"}[what]
    lines = log.read_text(errors="replace").strip().splitlines()[-8:] if log.exists() else []
    return "".join(f"\n    {line}" for line in lines) + f"\n    (all of it: {log})"


def _try_stop(running: namespace_box.Box) -> None:
    try:
        running.stop()
    except (CommandError, OSError):
        return
