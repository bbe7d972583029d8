"""The box's first process (PID 1): mounts, engine, stand-ins, front, AWS server; in that order, and back.

Run by the launcher as `python -m pythonbase_localcloud.box.init <config.json>`. SIGTERM stops everything: first the AWS
server, which needs time to save its state, then containers, then the engine. SIGHUP starts the AWS server anew with the
configuration as it is then. Imports nothing outside the standard library, so that it is there in a moment.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from pythonbase_localcloud.box import preparation
from pythonbase_localcloud.box.config import BoxConfig, Program

STATE_FILE = "state.json"

_HANDLED = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_ENGINE_START_SECONDS = 60.0
_SERVER_STOP_SECONDS = 30.0
_ENGINE_STOP_SECONDS = 20.0


class StopRequestedError(Exception):
    """SIGTERM came while the box was starting."""


def engine_answers(path: str) -> bool:
    """Whether a Docker engine answers at the Unix socket `path`."""
    connection = HTTPConnection("localhost", timeout=5)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.settimeout(5)
    try:
        connection.sock.connect(path)
        connection.request("GET", "/_ping")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


class Box:
    """Supervises the box's programs."""

    def __init__(self, config_file: Path) -> None:
        self._config_file = config_file
        self._config = BoxConfig.load(config_file)
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._restart_server = False
        self._gateway_fd: int | None = None
        self._front_fd: int | None = None

    def main(self) -> int:
        """Run until SIGTERM or until the engine ends; returns the exit code."""
        for number in _HANDLED:
            # the kernel drops signals to a PID 1 that has no handler for them
            signal.signal(number, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
        try:
            self._greet()
            self._gateway_fd, self._front_fd = preparation.prepare(self._config)
            self._wait_for_network()
            self._start_all()
            return self._supervise()
        except StopRequestedError:
            return 0
        except Exception as error:
            self._say(phase="failed", error=str(error))
            print(f"box: {error}", file=sys.stderr, flush=True)
            return 1
        finally:
            self._stop_all()

    # --- start -------------------------------------------------------------------------------------------------------

    def _greet(self) -> None:
        if self._config.hello_fd is not None:
            # /proc is still the machine's here, so this is the machine's number for this process
            os.write(self._config.hello_fd, os.fsencode(os.readlink("/proc/self")))
            os.close(self._config.hello_fd)

    def _wait_for_network(self) -> None:
        if self._config.go_fd is None:
            return
        answer = os.read(self._config.go_fd, 1)
        os.close(self._config.go_fd)
        if answer != b"1":
            raise RuntimeError("the launcher ended before the network was there")

    def _start_all(self) -> None:
        config = self._config
        self._say(phase="engine")
        self._start("engine", config.engine)
        self._until(lambda: engine_answers(config.docker_socket), "engine", _ENGINE_START_SECONDS)
        self._start("upstream", config.upstream)
        if config.docker_hub is not None:
            self._start("docker_hub", config.docker_hub, as_user=True)
        self._start("front", config.front, inherits=("LOCALCLOUD_FRONT_FD", self._front_fd), as_user=True)
        self._start_server()

    def _start_server(self) -> None:
        config = BoxConfig.load(self._config_file)
        self._start("server", config.server, inherits=("LOCALCLOUD_LISTEN_FD", self._gateway_fd), as_user=True)
        self._say(phase="server")

    def _start(
        self, name: str, program: Program, *, inherits: tuple[str, int | None] | None = None, as_user: bool = False
    ) -> None:
        """Start a program; `inherits` is a socket and the variable that tells the program its number."""
        environment = dict(program.env)
        descriptors: tuple[int, ...] = ()
        if inherits is not None and inherits[1] is not None:
            environment[inherits[0]] = str(inherits[1])
            descriptors = (inherits[1],)
        user, group = (self._config.user, self._config.group) if as_user else (0, 0)
        with (Path(self._config.logs) / f"{name}.log").open("ab") as log:
            # the launcher's own command lines; nothing passes a shell
            self._children[name] = subprocess.Popen(  # noqa: S603
                program.argv,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=descriptors,
                start_new_session=True,
                # one thread: running Python between fork and exec is safe; children must not inherit blocked signals
                preexec_fn=_unblock_signals,  # noqa: PLW1509
                user=user or None,
                group=group or None,
                extra_groups=[] if user else None,
            )

    # --- run ---------------------------------------------------------------------------------------------------------

    def _supervise(self) -> int:
        while True:
            try:
                self._next_event(0.5)
            except StopRequestedError:
                return 0
            if "engine" not in self._children:
                raise RuntimeError("the Docker engine ended by itself, see engine.log")
            if self._restart_server:
                self._restart_server = False
                self._stop("server", _SERVER_STOP_SECONDS)
                self._start_server()

    def _next_event(self, seconds: float) -> None:
        """Wait for one signal, at most `seconds`; buries the dead. Raises `StopRequestedError` on SIGTERM."""
        event = signal.sigtimedwait(_HANDLED, seconds)
        self._bury()
        if event is None:
            return
        if event.si_signo in (signal.SIGTERM, signal.SIGINT):
            raise StopRequestedError
        if event.si_signo == signal.SIGHUP:
            self._restart_server = True

    def _bury(self) -> None:
        """Wait for every process that ended: our own, and the orphans that the kernel hands to PID 1."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for name, child in list(self._children.items()):
                if child.pid == pid:
                    child.returncode = os.waitstatus_to_exitcode(status)
                    del self._children[name]
                    print(f"box: {name} ended with {child.returncode}", file=sys.stderr, flush=True)
                    if name == "server":
                        self._say(phase="server-ended", error=f"the AWS server ended with code {child.returncode}")

    def _until(self, condition: Callable[[], bool], name: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if name not in self._children:
                raise RuntimeError(f"{name} ended while starting, see {name}.log")
            if time.monotonic() > deadline:
                raise RuntimeError(f"{name} was not ready after {seconds:.0f} s, see {name}.log")
            self._next_event(0.05)

    # --- stop --------------------------------------------------------------------------------------------------------

    def _stop_all(self) -> None:
        if "server" in self._children:
            self._stop("server", _SERVER_STOP_SECONDS)
        if "engine" in self._children:
            self._stop_containers()
        self._stop("front", 2)
        self._stop("upstream", 2)
        self._stop("docker_hub", 2)
        self._stop("engine", _ENGINE_STOP_SECONDS)

    def _stop(self, name: str, seconds: float) -> None:
        child = self._children.get(name)
        if child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while name in self._children and time.monotonic() < deadline:
            with contextlib.suppress(StopRequestedError):
                self._next_event(0.1)
        if name in self._children:
            print(f"box: {name} did not stop within {seconds:.0f} s and is killed", file=sys.stderr, flush=True)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            with contextlib.suppress(StopRequestedError):
                self._next_event(1.0)
            self._children.pop(name, None)

    def _stop_containers(self) -> None:
        """Stop containers quickly: the engine alone would wait 10 s for each that does not know SIGTERM."""
        docker = [self._config.docker_cli, "--host", f"unix://{self._config.docker_socket}"]
        try:
            running = subprocess.run(  # noqa: S603  our own command line
                [*docker, "ps", "--quiet"], capture_output=True, text=True, timeout=10, check=True
            ).stdout.split()
            if running:
                subprocess.run(  # noqa: S603  our own command line
                    [*docker, "stop", "-t", "2", *running], capture_output=True, timeout=30, check=True
                )
        except (OSError, subprocess.SubprocessError) as error:
            print(f"box: containers could not be stopped: {error}", file=sys.stderr, flush=True)

    def _say(self, *, phase: str, error: str = "") -> None:
        path = Path(self._config.run) / STATE_FILE
        temporary = path.with_suffix(".new")
        with contextlib.suppress(OSError):
            temporary.write_text(json.dumps({"phase": phase, "error": error}))
            temporary.replace(path)


def _unblock_signals() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)


if __name__ == "__main__":
    sys.exit(Box(Path(sys.argv[1])).main())
