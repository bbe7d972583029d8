"""References to secrets, and the detection of secrets in other values."""

import re
from itertools import pairwise
from typing import Annotated

from pythonbase_settings.fields.confidential import Confidential
from pythonbase_settings.fields.rules import check

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
# TOKEN_URL, PASSWORD_MIN_LENGTH: about a secret, not the secret
_ABOUT_SECRETS = re.compile(
    "url|uri|endpoint|host|path|file|dir|name|arn|id|type|algorithm|issuer|audience|header|field|prefix|policy"
    "|ttl|expiry|lifetime|seconds|minutes|hours|days|length|min|max|limit|count|size|enabled|required"
)
_LOGIN_IN_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^/@:\s]*:[^/@\s]+@")


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
    """Whether a value is a URL with a password: `postgres://user:password@host/db`."""
    return _LOGIN_IN_URL.match(value) is not None


def secret_fix(name: str) -> str:
    """What to do with a secret in `environment`."""
    reason = "its name says that it is a secret" if names_a_secret(name) else "it has a password in it"
    return f"{reason}: keep it in Secrets Manager, and set {name} under secrets to the secret's name or ARN"


SecretReference = Annotated[
    str,
    check(secret_reference),
    Confidential(unless_text="use the name or ARN of a Secrets Manager secret, in quotes"),
]
"""The name or the ARN of a secret. A user may write the secret itself by mistake, so messages do not show the value."""
