"""Rules for texts in the settings: each function returns the text, or raises ValueError with the fix as its text."""

import ipaddress
import re
from itertools import pairwise

from pythonbase_buildspecs import ImageReference

_CACHE_PREFIX = re.compile(r"(?=.{2,30}$)(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*")

_LARGEST_VPC, _SMALLEST_VPC = 16, 28  # prefix lengths that AWS allows

_REPOSITORY = re.compile(r"[A-Za-z0-9_-]+/[A-Za-z0-9_.-]+")
_REPOSITORY_URL = re.compile(r"(?:https?://|ssh://)?(?:[^@/\s]+@)?bitbucket\.org[/:]([^/\s]+)/([^/\s]+?)(?:\.git)?/?")

_RELATIVE_PATH = re.compile(r"[A-Za-z0-9._/-]+")

_SECRET_ARN = re.compile(
    r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@!-]+-[A-Za-z0-9]{6}"
)
_SECRET_NAME = re.compile(r"[A-Za-z0-9/_+=.@!-]{1,512}")
_KNOWN_SECRET_VALUE = re.compile(
    r"(AKIA|ASIA)[A-Z0-9]{16}"  # AWS access keys
    r"|gh[pousr]_.+|github_pat_.+|glpat-.+|ATBB.+|ATCTT.+|dckr_[a-z]+_.+|xox[abprs]-.+|sk[-_](live|test|ant|proj)[-_].+"
    r"|sk-[A-Za-z0-9]{20,}|eyJ[A-Za-z0-9_=-]+\..+|[0-9a-fA-F]{32,}|[A-Za-z0-9/+]{20,}={1,2}"
)
_LOOKS_LIKE_AN_ARN = re.compile(r"-[A-Za-z0-9]{6}$")
_UNBROKEN = re.compile(r"[A-Za-z0-9+=@!]{20,}")

_SECRET_WORDS = {"password", "passwd", "passphrase", "pwd", "secret", "token", "credential", "credentials", "apikey"}
_KEY_OWNERS = {"api", "secret", "private", "access", "encryption", "signing", "master"}
# TOKEN_URL, PASSWORD_MIN_LENGTH: settings about a secret, not the secret
_ABOUT_SECRETS = re.compile(
    "url|uri|endpoint|host|path|file|dir|name|arn|id|type|algorithm|issuer|audience|header|field|prefix|policy"
    "|ttl|expiry|lifetime|seconds|minutes|hours|days|length|min|max|limit|count|size|enabled|required"
)
_LOGIN_IN_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^/@:\s]*:[^/@\s]+@")


def image_reference(text: str) -> str:
    """An image with its registry and tag: `public.ecr.aws/docker/library/python:3.13-slim`."""
    try:
        image = ImageReference.parse(text)
    except ValueError:
        fix = "use <registry>/<repository>:<tag>, such as public.ecr.aws/docker/library/python:3.13-slim"
        raise ValueError(fix) from None
    if not image.tag and not image.digest:
        raise ValueError(f"add the tag, such as {text}:3.13-slim")
    return text


def docker_hub_reference(text: str) -> str:
    """An image of Docker Hub with its tag, as Dockerfiles write it: `python:3.13`, `python:3.13*`."""
    fix = "use an image of Docker Hub without a registry, such as python:3.13"
    try:
        # a wildcard in the tag is no part of a reference
        image = ImageReference.parse(text.replace("*", "x"))
    except ValueError:
        raise ValueError(fix) from None
    if not image.is_docker_hub:
        raise ValueError(fix)
    if image.digest:
        raise ValueError(f"leave the digest out: {text.partition('@')[0]}")
    if not image.tag:
        raise ValueError(f"add the tag, such as {text}:3.13")
    if "*" in text.rpartition(":")[0]:
        raise ValueError(f"a * may stand in the tag only, such as {text.rpartition(':')[0].replace('*', '')}:3.13*")
    return text


def docker_hub_name(reference: str) -> str:
    """The full form of a Docker Hub reference: `python:3.13` is `docker.io/library/python:3.13`."""
    return f"{ImageReference.parse(reference.replace('*', 'x')).name}:{reference.rpartition(':')[2]}"


def cache_prefix(text: str) -> str:
    """The repository prefix of an ECR pull-through cache rule."""
    # https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreatePullThroughCacheRule.html
    if not _CACHE_PREFIX.fullmatch(text):
        raise ValueError(
            "use the prefix of the cache's rule: 2 to 30 lower-case letters, digits and ._-/, such as docker-hub"
        )
    return text


def ipv4_network(text: str) -> str:
    """The address range of a VPC: `10.0.0.0/16`."""
    fix = "use the VPC's IPv4 range, such as 10.0.0.0/16"
    try:
        network = ipaddress.IPv4Network(text, strict=False)
    except ValueError:
        raise ValueError(fix) from None
    if "/" not in text or not _LARGEST_VPC <= network.prefixlen <= _SMALLEST_VPC:
        raise ValueError(f"{fix}, from /{_LARGEST_VPC} to /{_SMALLEST_VPC}")
    if str(network) != text:
        raise ValueError(f"use {network}: the address of the range comes before the slash")
    return text


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


def secret_reference(text: str) -> str:
    """The ARN or the name of a Secrets Manager secret, and not the secret's value."""
    fix = "use the name or ARN of a Secrets Manager secret, not its value"
    if text.startswith("arn:"):
        if _SECRET_ARN.fullmatch(text):
            return text
        raise ValueError(
            "use the whole arn:aws:secretsmanager:<region>:<account>:secret:<name>-<6 characters>, or the name"
        )
    looks_random = _UNBROKEN.fullmatch(text) and all(re.search(kind, text) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
    if _LOOKS_LIKE_AN_ARN.search(text):
        # https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html, SecretId
        raise ValueError("use the whole ARN: a name that ends in a hyphen and 6 characters is taken for the end of one")
    if looks_random or _KNOWN_SECRET_VALUE.fullmatch(text) or not _SECRET_NAME.fullmatch(text):
        raise ValueError(fix)
    return text


def names_a_secret(variable: str) -> bool:
    """Whether an environment variable of this name would hold a secret: `DB_PASSWORD`, `ApiKey`, not `TOKEN_URL`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", variable).lower().split("_")
    words = [word.rstrip("0123456789") for word in words if word]
    if not words or (len(words) > 1 and _ABOUT_SECRETS.fullmatch(words[-1])):
        return False
    if any(owner in _KEY_OWNERS and key == "key" for owner, key in pairwise(words)):
        return True
    return any(word in _SECRET_WORDS or word.endswith(("password", "passwd", "apikey")) for word in words)


def holds_a_login(value: str) -> bool:
    """Whether a value is an address with a password in it: `postgres://user:password@host/db`."""
    return _LOGIN_IN_URL.match(value) is not None
