"""The ways to build without this project that can run here: where the base image comes from, and who asks for it."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pythonbase_localcloud import docker_hub
from pythonbase_localcloud.box import hosts
from pythonbase_localcloud.docker_hub import Control
from pythonbase_localcloud.docker_hub.names import API_HOST, ECR_PUBLIC_HOST
from pythonbase_localcloud.docker_hub.program import obtain
from pythonbase_localcloud.images import build_image, upstream
from pythonbase_localcloud.instance import Instance
from pythonbase_localcloud.machine.progress import Report
from trials.proof.hosts_of_builds import CleanHost
from trials.proof.result import Series

APP = Path(__file__).with_name("app")
_CACHE = "127.0.0.5:5000"
"""Where the pull-through cache answers in the box; the engine speaks plain HTTP to loopback addresses."""
_NAMES_ARE_READ_AGAIN_SECONDS = 6.0
"""Go's resolver, and so the engine, looks at /etc/hosts again after at most five seconds."""
_TAGS = ("3.13-slim", "3.13", "3.12-slim", "3.12")


@dataclass(frozen=True, kw_only=True)
class Peer:
    """One way: builds start from `image`; `at_once` builds run side by side, each from another tag of it.

    `pause` is the least time from the start of one round of builds to the next, in seconds.
    """

    name: str
    image: str = "python"
    at_once: int = 1
    pause: float = 0.0


SEED = Peer(name="FROM python:3.13-slim")
SIGNED_IN = Peer(name="Docker Hub credentials (free account)")
CACHE = Peer(name="pull-through cache", image=f"{_CACHE}/library/python")
MIRROR = Peer(name="ECR Public mirror, one build a second", image=f"{ECR_PUBLIC_HOST}/docker/library/python", pause=1.1)
MIRROR_AT_ONCE = replace(MIRROR, name=f"ECR Public mirror, {len(_TAGS)} builds at once", at_once=len(_TAGS))


class Peers:
    """Runs builds in each way and measures."""

    def __init__(self, instance: Instance, report: Report) -> None:
        self._instance, self._report = instance, report
        self._host = CleanHost(instance=instance)
        self._hub: Control = docker_hub.control(instance)

    def run(self, builds: int) -> list[Series]:
        """All of them, `builds` builds each; signed in, it goes on until the account's limit is met."""
        # Docker Hub counts manifests, not megabytes: with a small image behind the tags the proof takes minutes
        for tag in _TAGS:
            self._hub.publish(f"python:{tag}", change=f"small {tag}", small=True)
        user_limit = int(self._hub.state()["limits"]["user"])
        found = [self._measure(SEED, self._host, builds)]
        with self._signed_in() as host:
            found.append(self._measure(SIGNED_IN, host, max(builds, user_limit + 10)))
        with self._pull_through_cache():
            found.append(self._measure(CACHE, self._host, builds))
        with self._ecr_public():
            found += [self._measure(peer, self._host, builds) for peer in (MIRROR, MIRROR_AT_ONCE)]
        return found

    def _measure(self, peer: Peer, host: CleanHost, builds: int) -> Series:
        self._report(f"{builds} builds on clean hosts: {peer.name}")
        self._hub.reset()
        started, outcomes, reason = time.monotonic(), list[bool](), ""
        with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(peer.at_once) as pool:
            contexts = [_context(Path(folder), f"{peer.image}:{tag}") for tag in _TAGS[: peer.at_once]]
            next_round = started
            while len(outcomes) < builds:
                host.clean(peer.image, "proof")
                time.sleep(max(0.0, next_round - time.monotonic()))
                next_round = time.monotonic() + peer.pause
                round_ = contexts[: builds - len(outcomes)]
                reasons = list(pool.map(lambda path: host.build(path, tag=f"proof:{path.name}"), round_))
                outcomes += [not text for text in reasons]
                reason = reason or next(filter(None, reasons), "")
                if len(outcomes) // 50 > (len(outcomes) - len(round_)) // 50:
                    self._report(f"  {len(outcomes)} builds, {outcomes.count(False)} failed")
        seconds = time.monotonic() - started
        return Series(
            name=peer.name,
            outcomes=tuple(outcomes),
            docker_hub_pulls=self._hub.pulls(),
            reason=reason,
            seconds=seconds,
        )

    # --- what each way needs -----------------------------------------------------------------------------------------

    @contextmanager
    def _signed_in(self) -> Iterator[CleanHost]:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "cli-plugins").symlink_to(self._instance.docker_config / "cli-plugins")
            host = replace(self._host, docker_config=Path(folder))
            words = ("login", "--username", docker_hub.USER, "--password-stdin")
            host.docker(*words, stdin=docker_hub.PASSWORD.encode())
            yield host

    @contextmanager
    def _pull_through_cache(self) -> Iterator[None]:
        """A docker-registry that fetches from Docker Hub what it does not have.

        ECR's does the same, and asks Docker Hub for a tag's newest image at least once every 24 hours
        (https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache.html); this one asks at each pull,
        by HEAD, which is free.
        """
        folder = self._instance.home / "pull-through-cache"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        registry = obtain(self._instance.cache, report=self._report).registry
        settings = {
            "version": 0.1,
            "storage": {"filesystem": {"rootdirectory": "/storage"}},
            "http": {"addr": _CACHE},
            "proxy": {"remoteurl": f"https://{API_HOST}"},
        }
        (folder / "config.json").write_text(json.dumps(settings))
        mounts = [(registry, "/docker-registry"), (folder, "/settings"), (self._instance.ca_bundle, "/ca.pem")]
        words = [word for source, target in mounts for word in ("--volume", f"{source}:{target}:ro")]
        name = "pull-through-cache"
        self._host.docker(
            *("run", "--detach", "--rm", "--name", name, "--network", "host", "--env", "SSL_CERT_FILE=/ca.pem"),
            *("--tmpfs", "/storage", *words, build_image.TAG, "/docker-registry", "serve", "/settings/config.json"),
        )
        try:
            yield
        finally:
            self._host.docker("rm", "--force", name)

    @contextmanager
    def _ecr_public(self) -> Iterator[None]:
        """ECR Public with its limit for clients without a log-in, played by the stand-in for Docker Hub."""
        hosts.move(self._instance.hosts, ECR_PUBLIC_HOST, docker_hub.ADDRESS)
        time.sleep(_NAMES_ARE_READ_AGAIN_SECONDS)
        try:
            yield
        finally:
            hosts.move(self._instance.hosts, ECR_PUBLIC_HOST, upstream.ADDRESS)


def _context(folder: Path, image: str) -> Path:
    """The app's folder with another image in its FROM line."""
    context = folder / image.rpartition(":")[2]
    shutil.copytree(APP, context)
    dockerfile = context / "Dockerfile"
    _, _, rest = dockerfile.read_text().partition("\n")
    dockerfile.write_text(f"FROM {image}\n{rest}")
    return context
