"""Upstream images: pulled where their registry answers, else stood in for by one made from Debian packages."""

from __future__ import annotations

import json
import os
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pythonbase_localcloud.machine.commands import LocalCloudError

ADDRESS = "127.0.0.2"
"""Where the stand-in listens inside the box, on port 443; the registries' names point there in the box's hosts file."""

_PROBE_SECONDS = 4.0
_DOCKER_HUB = "docker.io"
_API_HOSTS = {_DOCKER_HUB: "registry-1.docker.io", "index.docker.io": "registry-1.docker.io"}
_CHOICES = ("auto", "internet", "made")


@dataclass(frozen=True)
class Reference:
    """An image in a registry: `version` is a tag or a digest."""

    host: str
    name: str
    version: str

    @property
    def api_host(self) -> str:
        """The name that serves the registry's API, which Docker Hub has apart from its own."""
        return _API_HOSTS.get(self.host, self.host)

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read an image reference as Docker does: no registry means Docker Hub, no tag means `latest`."""
        first, slash, rest = text.partition("/")
        host, path = (first, rest) if slash and re.search(r"[.:]|^localhost$", first) else (_DOCKER_HUB, text)
        path, _, digest = path.partition("@")
        name, _, tag = path.partition(":")
        if not re.fullmatch(r"[a-z0-9]+(?:[._/-]+[a-z0-9]+)*", name):
            raise LocalCloudError(f"{text!r} is not an image reference such as public.ecr.aws/docker/library/python:3")
        if host in _API_HOSTS and "/" not in name:
            name = f"library/{name}"
        return cls(host, name, digest or tag or "latest")


class Record:
    """What was decided for this instance: which registries are real, which images are stood in for.

    A file, because a registry must not be real in one build and made in the next; the server in the box reads it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        values = json.loads(path.read_text()) if path.exists() else {}
        self.answers: dict[str, bool] = values.get("answers", {})
        self.references: list[str] = values.get("references", [])

    def decide(self, references: Iterable[str], *, bundle: Path | None, hosts: Iterable[str] = ()) -> None:
        """Add `references`; a registry that is met for the first time is asked whether it is there.

        `hosts` are registries to decide about although no reference names them.
        """
        texts = list(references)
        wanted = dict.fromkeys([*(Reference.parse(text).api_host for text in texts), *hosts])
        new = [host for host in wanted if host not in self.answers]
        with ThreadPoolExecutor() as pool:
            self.answers |= zip(new, pool.map(lambda host: is_reachable(host, bundle=bundle), new), strict=True)
        self.references += [text for text in dict.fromkeys(texts) if text not in self.references]
        self._save()

    def stand_in_for(self, host: str) -> None:
        """Decide that a registry is stood in for, whether it answers or not."""
        self.answers[host] = False
        self._save()

    def _save(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_suffix(".new")
        temporary.write_text(json.dumps({"answers": self.answers, "references": self.references}, indent=1))
        temporary.replace(self._path)

    def made(self) -> list[Reference]:
        """The references whose registry is stood in for."""
        references = [Reference.parse(text) for text in self.references]
        return [reference for reference in references if not self.answers.get(reference.api_host, True)]

    def made_hosts(self) -> list[str]:
        """The names that point to the stand-in."""
        return sorted({reference.api_host for reference in self.made()})


def is_reachable(host: str, *, bundle: Path | None) -> bool:
    """Whether a registry answers under this name within 4 s; LOCALCLOUD_UPSTREAM=internet|made overrides the probe.

    A network that answers everything with an error page of its own does not count: the reply must be a registry's.
    """
    choice = os.environ.get("LOCALCLOUD_UPSTREAM", "auto")
    if choice not in _CHOICES:
        raise LocalCloudError(f"LOCALCLOUD_UPSTREAM must be one of {', '.join(_CHOICES)}, got {choice!r}")
    if choice != "auto":
        return choice == "internet"
    context = ssl.create_default_context(cafile=str(bundle) if bundle is not None else None)
    request = urllib.request.Request(f"https://{host}/v2/")
    try:
        with urllib.request.urlopen(request, timeout=_PROBE_SECONDS, context=context) as response:  # noqa: S310  https
            return "docker-distribution-api-version" in response.headers
    except urllib.error.HTTPError as error:
        challenge = error.headers.get("www-authenticate", "").lower()
        return error.code == 401 and challenge.startswith(("bearer", "basic"))  # noqa: PLR2004  "authenticate first"
    except OSError:
        return False
