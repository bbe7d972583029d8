"""Sources that a build clones by itself, with their history: the artifact format CODEBUILD_CLONE_REF.

https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CodestarConnectionSource.html
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pythonbase_localcloud.aws.iam import authorization

_KEY = "localcloudCloneReference"
_ORIGIN = "origin.git"


def clone_reference(connection: str, repository: str, commit: str) -> bytes:
    """What the source action hands on."""
    return json.dumps({_KEY: {"connection": connection, "repository": repository, "commit": commit}}).encode()


def reference_in(artifact: bytes) -> Mapping[str, Any] | None:
    """The reference, if an artifact is one."""
    try:
        found: Mapping[str, Any] | None = json.loads(artifact).get(_KEY)
    except (ValueError, AttributeError):
        return None
    return found


def clone(
    reference: Mapping[str, Any], directory: Path, *, repositories: Path, access_key_id: str, inside: str
) -> None:
    """Clone into ``directory``, whose parent the build's container sees as ``inside``.

    Raises:
        AccessDeniedError: if the build's role may not use the connection.
    """
    denied = None
    for service in ("codeconnections", "codestar-connections"):
        try:
            authorization.check(access_key_id, f"{service}:UseConnection", str(reference["connection"]))
            break
        except authorization.AccessDeniedError as error:
            denied = denied or error
    else:
        assert denied is not None  # noqa: S101 - both were refused
        raise denied
    origin = directory.parent / _ORIGIN
    _git("clone", "--quiet", "--mirror", str(repositories / f"{reference['repository']}.git"), str(origin))
    _git("clone", "--quiet", "--no-checkout", str(origin), str(directory))
    _git("-C", str(directory), "checkout", "--quiet", "--detach", str(reference["commit"]))
    _git("-C", str(directory), "remote", "set-url", "origin", f"{inside}/{_ORIGIN}")


def _git(*arguments: str) -> None:
    subprocess.run(  # noqa: S603 - git, with arguments of this module
        ["git", "-c", "safe.directory=*", *arguments],  # noqa: S607
        check=True,
        capture_output=True,
    )
