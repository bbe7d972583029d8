"""What the buildspecs that build images have in common: they get their commands as a file."""

from __future__ import annotations

from collections.abc import Sequence

from pythonbase_buildspecs.buildspec import Buildspec
from pythonbase_buildspecs.template import render, script


def image_buildspec(
    body: str,
    *,
    dockerfile: str = "Dockerfile",
    context: str = ".",
    exported: Sequence[str] = (),
    git_credentials: bool = False,
    results: str = "",
) -> Buildspec:
    """The buildspec of a build that runs ``body``, and says in its last lines why it failed.

    Args:
        body: Shell code. It stops at the first command that fails.
        dockerfile: Path of the Dockerfile, for the reason of a failure.
        context: Folder that the Dockerfile copies from, for the same.
        exported: Variables that ``body`` exports for the pipeline.
        git_credentials: Whether the source's Git credentials are there for ``body``.
        results: The buildspec's sections of reports and artifacts.
    """
    names = "".join(f"\n  - {name}" for name in exported)
    return Buildspec(
        text=render(
            "image.yml",
            {
                "git": "git-credential-helper: yes" if git_credentials else "",
                "exported_variables": f"exported-variables:{names}" if exported else "",
                "results": results,
            },
        ).rstrip()
        + "\n",
        script=render(
            "build.sh",
            {
                "body": body,
                "exports": f"declare -px {' '.join(exported)} | sed 's/^declare -x/export/' >\"$work/variables\""
                if exported
                else "",
                "dockerfile": dockerfile,
                "context": context,
                "explain": script("explain.py"),
                "known_failures": script("known_failures.py"),
            },
        ),
    )
