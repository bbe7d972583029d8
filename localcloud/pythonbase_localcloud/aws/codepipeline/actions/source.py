"""Source over a connection: a bare repository stands for Bitbucket."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from pythonbase_localcloud.aws.codebuild.full_clone import clone_reference
from pythonbase_localcloud.aws.codepipeline.context import ActionContext, ActionFailedError
from pythonbase_localcloud.aws.iam import authorization
from pythonbase_localcloud.aws.small_services.codeconnections import ConnectionUnavailableError, require_available

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
_PERMISSION = "PermissionError"


def run(context: ActionContext) -> Mapping[str, str]:
    """Fetch the branch's commit and hand it on, as a zip without history or as a reference to clone."""
    configuration = context.configuration
    connection, repository = configuration["ConnectionArn"], configuration["FullRepositoryId"]
    _check_permission(context, connection)
    try:
        require_available(connection)
    except ConnectionUnavailableError as error:
        raise ActionFailedError(str(error), code="ConfigurationError") from error
    artifact_format = configuration.get("OutputArtifactFormat", "CODE_ZIP")
    if artifact_format not in ("CODE_ZIP", "CODEBUILD_CLONE_REF"):
        raise ActionFailedError(f"there is no output artifact format {artifact_format}", code="ConfigurationError")
    directory = context.settings.bitbucket / f"{repository}.git"
    if not _REPOSITORY.fullmatch(repository) or not directory.is_dir():
        raise ActionFailedError(
            f"[Bitbucket] No Repository {repository} found in the workspace of connection {connection}",
            code="ConfigurationError",
        )
    branch = configuration["BranchName"]
    commit = context.trigger_revision.get("CommitId") or _git(
        directory, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}^{{commit}}"
    )
    if commit is None:
        raise ActionFailedError(
            f"[Bitbucket] No Branch [{branch}] found for FullRepositoryName [{repository}]", code="ConfigurationError"
        )
    shown = _git(directory, "show", "--no-patch", "--format=%an%x00%ae%x00%aI%x00%s", commit)
    if shown is None:
        raise ActionFailedError(f"[Bitbucket] Commit {commit} is not in {repository} any more")
    author, email, date, message = shown.split("\0")
    for artifact in context.action["outputArtifacts"]:
        cloned = artifact_format == "CODEBUILD_CLONE_REF"  # by a build, with its own role
        content = clone_reference(connection, repository, commit) if cloned else _archive(directory, commit)
        context.put_output(artifact["name"], content)
    context.revision = {
        "revisionId": commit,
        "revisionSummary": json.dumps({"ProviderType": "Bitbucket", "CommitMessage": message}),
        "revisionUrl": f"https://bitbucket.org/{repository}/commits/{commit}",
    }
    context.result.update(
        externalExecutionId=commit,
        externalExecutionUrl=context.revision["revisionUrl"],
        externalExecutionSummary=context.revision["revisionSummary"],
    )
    return {
        "AuthorDisplayName": author,
        "AuthorEmail": email,
        "AuthorDate": date,
        **({} if context.trigger_revision else {"BranchName": branch}),
        **{name: value for name, value in context.trigger_revision.items() if name != "CommitId"},
        "CommitId": commit,
        "CommitMessage": message,
        "ConnectionArn": connection,
        "FullRepositoryName": repository,
    }


def _check_permission(context: ActionContext, connection: str) -> None:
    """The role needs UseConnection on the connection, under the present or the former name of the service."""
    denied = None
    for service in ("codeconnections", "codestar-connections"):
        try:
            authorization.check(context.session.access_key_id, f"{service}:UseConnection", connection)
        except authorization.AccessDeniedError as error:
            denied = denied or error
        else:
            return
    raise ActionFailedError(f"[Bitbucket] Unable to use Connection: {connection}. {denied}", code=_PERMISSION)


def _git(directory: Path, *arguments: str) -> str | None:
    """Output of a git command, None when it fails. Repositories belong to whoever pushes."""
    done = subprocess.run(  # noqa: S603 - git, with arguments that are checked
        ["git", "-c", "safe.directory=*", "-C", str(directory), *arguments],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else None


def _archive(directory: Path, commit: str) -> bytes:
    return subprocess.run(  # noqa: S603 - git, with arguments that are checked
        ["git", "-c", "safe.directory=*", "-C", str(directory), "archive", "--format=zip", commit],  # noqa: S607
        capture_output=True,
        check=True,
    ).stdout
