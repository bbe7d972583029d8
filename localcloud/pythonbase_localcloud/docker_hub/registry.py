"""The registry behind the limiter: Debian's docker-registry, unpacked, started when somebody needs it."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pythonbase_localcloud.docker_hub.images import INDEX_TYPE
from pythonbase_localcloud.docker_hub.names import REGISTRY_ADDRESS, REGISTRY_PORT

_START_SECONDS = 15.0


class RegistryError(Exception):
    """The registry does not start or refuses what it is given."""


class Registry:
    """The process, and connections to it. `program` is docker-registry, `storage` a directory for its images."""

    def __init__(self, program: Path, storage: Path) -> None:
        self._program, self._storage = program, storage
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    @contextmanager
    def connection(self) -> Iterator[http.client.HTTPConnection]:
        """A connection of its own; the registry is started if it does not run. Raises `RegistryError`."""
        self._ensure()
        connection = http.client.HTTPConnection(REGISTRY_ADDRESS, REGISTRY_PORT, timeout=60)
        try:
            yield connection
        finally:
            connection.close()

    def has(self, repository: str, reference: str) -> bool:
        """Whether the registry holds an index under this tag or digest."""
        with self.connection() as connection:
            connection.request("HEAD", f"/v2/{repository}/manifests/{reference}", headers={"Accept": INDEX_TYPE})
            return connection.getresponse().status == http.client.OK

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=10)

    def _ensure(self) -> None:
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                return
            self._storage.mkdir(parents=True, exist_ok=True)
            file = self._storage.with_name("registry.json")
            # the registry reads YAML, of which JSON is a part
            file.write_text(json.dumps(_configuration(self._storage)))
            # a file of its own: it reports each image that a client asks for and that is not there
            with self._storage.with_name("registry.log").open("wb") as log:
                # our own command line; nothing passes a shell
                self._process = subprocess.Popen(  # noqa: S603
                    [self._program, "serve", file], stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
            self._wait(self._process)

    @staticmethod
    def _wait(process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            try:
                socket.create_connection((REGISTRY_ADDRESS, REGISTRY_PORT), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise RegistryError("docker-registry did not start, see registry.log in docker-hub")


def _configuration(storage: Path) -> Mapping[str, object]:
    return {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(storage)},
            "delete": {"enabled": True},
            "cache": {"blobdescriptor": "inmemory"},
        },
        # it signs the state of an upload, which nobody but this machine sees
        "http": {"addr": f"{REGISTRY_ADDRESS}:{REGISTRY_PORT}", "relativeurls": True, "secret": "localcloud"},
    }
