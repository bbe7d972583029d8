"""A client that asks a service all the time and counts what it does not answer."""

from __future__ import annotations

import threading
import time
import urllib.request
from types import TracebackType

_PAUSE_SECONDS = 0.1


class Client:
    """Polls an address from its beginning to its end as a context manager."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="client")
        self.requests = 0
        self.failures: list[str] = []
        self.answers: list[str] = []
        """Different answers, in the order in which they came."""

    def __enter__(self) -> Client:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_PAUSE_SECONDS):
            self.requests += 1
            try:
                with urllib.request.urlopen(self._url, timeout=10) as response:  # noqa: S310 - loopback
                    answer = response.read().decode().strip()
            except OSError as error:
                self.failures.append(f"{time.strftime('%H:%M:%S')} {error}")
                continue
            if not self.answers or self.answers[-1] != answer:
                self.answers.append(answer)
