"""A container runtime in front of `runc` that lets builds trust the machine's certificate authorities.

Only where the machine has an authority of its own (a network that intercepts TLS): an unmodified Dockerfile's
`RUN pip install …` would fail there. BuildKit starts the container of a RUN step with `runc run`, everything else
goes through `runc create`; so only RUN steps are changed. They get the bundle as a read-only file in /dev, which is a
file system of the runtime: nothing of it comes into an image. `write` makes the program, `main` is what it calls.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

BUNDLE_IN_CONTAINER = "/dev/localcloud-ca.crt"
VARIABLES = (
    "SSL_CERT_FILE",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
)


def write(directory: Path, *, runc: Path, bundle: Path) -> Path:
    """Write the program `runc` into `directory`, which belongs in front of the engine's PATH; returns the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    program = directory / "runc"
    words = [sys.executable, "-I", "-S", __file__, str(runc), str(bundle)]
    program.write_text(
        "#!/bin/sh\n"
        f"# {__name__}: RUN steps of builds trust the machine's certificate authorities\n"
        f'case " $* " in *" run "*) exec {shlex.join(words)} "$@" ;; esac\n'
        f'exec {shlex.quote(str(runc))} "$@"\n'
    )
    program.chmod(0o755)
    return directory


def main(argv: list[str]) -> None:
    """Change the container's `config.json` and become the real runc; `argv` is runc, the bundle, runc's arguments."""
    runc, bundle, *arguments = argv
    config_file = bundle_directory(arguments) / "config.json"
    config = json.loads(config_file.read_text())
    add_bundle(config, bundle)
    config_file.write_text(json.dumps(config))
    os.execv(runc, [runc, *arguments])  # noqa: S606  the runtime that BuildKit asked for


def bundle_directory(arguments: list[str]) -> Path:
    """The directory of `--bundle`, in each of its spellings; runc's default is the current one."""
    for position, word in enumerate(arguments):
        if word in ("--bundle", "-b", "-bundle"):
            return Path(arguments[position + 1])
        for prefix in ("--bundle=", "-b="):
            if word.startswith(prefix):
                return Path(word.removeprefix(prefix))
    return Path()


def add_bundle(config: dict[str, Any], bundle: str) -> None:
    """Add the mount and the variables to a runtime configuration; variables that the step sets itself stay."""
    config.setdefault("mounts", []).append(
        {
            "destination": BUNDLE_IN_CONTAINER,
            "type": "bind",
            "source": bundle,
            "options": ["bind", "ro", "nosuid", "nodev", "noexec"],
        }
    )
    environment: list[str] = config["process"].setdefault("env", [])
    present = {entry.partition("=")[0] for entry in environment}
    environment += [f"{name}={BUNDLE_IN_CONTAINER}" for name in VARIABLES if name not in present]


if __name__ == "__main__":
    main(sys.argv[1:])
