"""Asks a registry which image is under a reference, without pulling it.

Part of the base image's build: standard library only. Usage: ``python3 upstream.py REFERENCE PATIENCE [--to-pull]``.

Prints ``{"pinned": "<reference>@<digest>", "digest": "<digest>", "remaining": 97}``. The question is a HEAD request,
which is not counted as a pull; ``remaining`` is how many pulls Docker Hub says are left, null elsewhere:
https://docs.docker.com/docker-hub/usage/pulls/. A registry that is busy or out of order is asked again, with growing
waits or those that it names, until PATIENCE seconds have passed; with ``--to-pull`` also one that has no pulls left.
Log-ins are those of Docker's configuration file, so that no credential is on a command line.
"""

import http.client
import json
import os
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from email.message import Message
from pathlib import Path

MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
FIRST_WAIT, LONGEST_WAIT = 5.0, 300.0
BUSY, UNAUTHORIZED = (408, 429, 500, 502, 503, 504), 401
TIMEOUT = 30.0


class BusyError(Exception):
    """Worth asking again, at the earliest after `wait` seconds."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class RefusedError(Exception):
    """Asking again will not help."""


class Image:
    """A reference as Docker reads it, and where its registry answers."""

    def __init__(self, text: str) -> None:
        name, _, digest = text.partition("@")
        host, slash, path = name.partition("/")
        if not slash or not ("." in host or ":" in host or host == "localhost"):
            host, path = "docker.io", name
        repository, _, tag = path.partition(":")
        self.on_hub = host in ("docker.io", "index.docker.io", "registry-1.docker.io")
        if self.on_hub:
            host, repository = "docker.io", repository if "/" in repository else f"library/{repository}"
        self.name = f"{host}/{repository}" + (f":{tag}" if tag else "")
        version = digest or tag or "latest"
        self.url = f"https://{'registry-1.docker.io' if self.on_hub else host}/v2/{repository}/manifests/{version}"
        self.login = "https://index.docker.io/v1/" if self.on_hub else host


def ask(image: Image) -> dict[str, object]:
    """One question. Raises `BusyError` or `RefusedError` with the registry's reason."""
    try:
        headers = _head(image)
    except urllib.error.HTTPError as error:
        reason = f"{image.url} answers {error.code} {error.reason}"
        if error.code in BUSY:
            wait = error.headers.get("Retry-After", "")
            raise BusyError(reason, float(wait) if wait.isdecimal() else 0.0) from None
        raise RefusedError(reason) from None
    except (OSError, http.client.HTTPException) as error:
        raise BusyError(f"{image.url} does not answer: {error}") from None
    digest = headers.get("Docker-Content-Digest")
    if not digest:
        raise RefusedError(f"{image.url} names no digest: it is no registry")
    left = re.match(r"\d+", headers.get("ratelimit-remaining", ""))
    return {"pinned": f"{image.name}@{digest}", "digest": digest, "remaining": int(left[0]) if left else None}


def ask_patiently(image: Image, *, patience: float, to_pull: bool) -> dict[str, object]:
    """Ask until there is an answer, and with `to_pull` pulls are left. Raises `RefusedError` when patience is over."""
    started, wait = time.monotonic(), FIRST_WAIT
    while True:
        try:
            answer = ask(image)
            if not to_pull or answer["remaining"] != 0:
                return answer
            busy = BusyError(f"{image.url}: the registry says that no pulls are left")
        except BusyError as error:
            busy = error
        pause = max(wait, busy.wait)
        if time.monotonic() - started + pause > patience:
            raise RefusedError(f"{busy}; not asked again after {time.monotonic() - started:.0f} s")
        print(f"{busy}; asked again in {pause:.0f} s", file=sys.stderr, flush=True)
        time.sleep(pause)
        wait = min(wait * 2, LONGEST_WAIT)


def _head(image: Image) -> Message:
    """Headers of the manifest; logs in as the registry's challenge says."""
    try:
        return _request("HEAD", image.url)
    except urllib.error.HTTPError as error:
        if error.code != UNAUTHORIZED:
            raise
        challenge = error.headers.get("WWW-Authenticate", "")
    return _request("HEAD", image.url, _authorization(challenge, _login(image.login)))


def _authorization(challenge: str, basic: str) -> str:
    """The header that answers a challenge: https://distribution.github.io/distribution/spec/auth/token/."""
    if challenge.lower().startswith("basic"):
        return basic
    values = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    if not values.get("realm", "").startswith("https://"):
        raise RefusedError(f"the registry sends log-ins to {values.get('realm')!r}, which is not HTTPS")
    query = urllib.parse.urlencode({key: values[key] for key in ("service", "scope") if key in values})
    with _open("GET", f"{values['realm']}?{query}", basic) as answer:
        token = json.load(answer)
    return f"Bearer {token.get('token') or token['access_token']}"


def _login(server: str) -> str:
    """The header for what `docker login` stored; empty without a login."""
    file = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"
    stored = json.loads(file.read_text()).get("auths", {}).get(server, {}).get("auth") if file.exists() else None
    return f"Basic {stored}" if stored else ""


def _request(method: str, url: str, authorization: str = "") -> Message:
    with _open(method, url, authorization) as answer:
        return answer.headers


def _open(method: str, url: str, authorization: str) -> http.client.HTTPResponse:
    # Every URL starts with https://: see Image and _authorization.
    request = urllib.request.Request(url, method=method, headers={"Accept": ", ".join(MANIFESTS)})  # noqa: S310
    if authorization:
        # not to where a redirect leads
        request.add_unredirected_header("Authorization", authorization)
    answer: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT)  # noqa: S310
    return answer


def main(arguments: list[str]) -> int:
    """The exit code: 0 with an answer, 1 with a reason."""
    reference, patience = arguments[:2]
    try:
        answer = ask_patiently(Image(reference), patience=float(patience), to_pull="--to-pull" in arguments)
    except RefusedError as error:
        print(f"error: {reference} cannot be looked at: {error}", file=sys.stderr)
        return 1
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
