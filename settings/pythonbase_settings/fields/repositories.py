"""Rules for repositories and their files: each function returns the text, or raises ValueError with the fix."""

import re

_REPOSITORY = re.compile(r"[A-Za-z0-9_-]+/[A-Za-z0-9_.-]+")
_REPOSITORY_URL = re.compile(r"(?:https?://|ssh://)?(?:[^@/\s]+@)?bitbucket\.org[/:]([^/\s]+)/([^/\s]+?)(?:\.git)?/?")
_RELATIVE_PATH = re.compile(r"[A-Za-z0-9._/-]+")


def bitbucket_repository(text: str) -> str:
    """`workspace/repository`."""
    url = _REPOSITORY_URL.fullmatch(text)
    if url:
        raise ValueError(f"use workspace/repository: {url[1]}/{url[2]}")
    if not _REPOSITORY.fullmatch(text) or text.split("/")[1] in {".", ".."}:
        raise ValueError("use workspace/repository as in the address bitbucket.org/workspace/repository")
    if text.endswith(".git"):
        raise ValueError(f"leave .git out: {text.removesuffix('.git')}")
    return text


def branch(text: str) -> str:
    """A branch name, by the rules of `git check-ref-format --branch`."""
    if text.startswith("refs/heads/"):
        raise ValueError(f"leave refs/heads/ out: {text.removeprefix('refs/heads/') or 'main'}")
    parts = text.split("/")
    bad_part = any(not part or part.startswith(".") or part.endswith(".lock") for part in parts)
    bad_text = ".." in text or "@{" in text or text.endswith(".") or text.startswith("-") or text in {"@", "HEAD"}
    # [\x00-\x20\x7f]: control characters and space
    if bad_part or bad_text or re.search(r"[\x00-\x20\x7f~^:?*\[\\]", text):
        raise ValueError("use the name of one branch that Git allows, such as main or release/1.2")
    return text


def path_in_repository(text: str) -> str:
    """A relative path of a file inside a repository."""
    parts = text.split("/")
    if text.startswith("/") or ".." in parts:
        raise ValueError("use a path inside the repository, without a leading / and .., such as docker/Dockerfile")
    if not _RELATIVE_PATH.fullmatch(text) or text.startswith("-") or "" in parts or parts[-1] == ".":
        raise ValueError("use a relative path of letters, digits and ._-/, such as docker/Dockerfile")
    return text


def folder_in_repository(text: str) -> str:
    """A relative path of a folder inside a repository; `.` is its root."""
    if text in {".", "./", "/"}:
        return "."
    return path_in_repository(text.rstrip("/"))
