"""Turns pydantic's errors into findings with this application's words."""

import difflib
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from stacks import formats
from stacks.field_rules import FIX_ERROR
from stacks.problems import Finding, SettingPath, shown_text
from stacks.settings_checks import HIDDEN, secret_fix
from stacks.settings_model import COMBINATION_ERROR

_KEY_ERROR = "[key]"  # pydantic's last step of the place of an error in a dictionary's key

_FIXES = {
    "list_type": 'use a list: start each entry with "- "',
    "dict_type": 'use NAME: "value" lines below it',
    "string_unicode": "use characters that exist",
}


def findings_of(error: ValidationError, *, model: type[BaseModel]) -> list[Finding]:
    """A finding for each wrong value. Wrong combinations are left to `check_together`."""
    # the second: pydantic's word for a default computed from a value that is itself wrong, and reported
    left_out = {COMBINATION_ERROR, "default_factory_not_called"}
    return [_finding(detail, model) for detail in error.errors() if detail["type"] not in left_out]


def broken_paths(findings: list[Finding]) -> set[SettingPath]:
    """The values that nothing can be concluded from: the wrong ones, and what a misspelt key was meant to set."""
    broken: set[SettingPath] = set()
    for finding in findings:
        broken |= {finding.path, *finding.involves}
    return broken


def _finding(detail: ErrorDetails, model: type[BaseModel]) -> Finding:
    path: SettingPath = detail["loc"]
    kind, value = detail["type"], detail["input"]
    if path[-1:] == (_KEY_ERROR,):
        path = path[:-1]
        return Finding(path=path, got=f"the name {shown_text(str(path[-1]))}", fix=_fix(detail))
    if kind == "missing":
        return Finding(path=path, fix=_missing(path, model))
    if kind == "extra_forbidden":
        return _unknown_key(path, model)
    if value is None:
        return Finding(path=path, fix="give it a value, or remove the line")
    if _is_confidential(path):
        return Finding(path=path, got=HIDDEN, fix=_confidential_fix(detail))
    got = HIDDEN if isinstance(value, str) and formats.holds_a_login(value) else None
    if kind in {"model_type", "model_attributes_type"}:
        fix = f"use a mapping with the keys {', '.join(_keys(path, model))}"
    else:
        fix = _FIXES.get(kind) or _fix(detail)
    if kind == "too_short":
        least = detail["ctx"]["min_length"]
        fix = f"list at least {'one' if least == 1 else least}, or remove the line"
    if kind == "too_long":
        got, fix = f"{len(value)} entries", f"list at most {detail['ctx']['max_length']}"
    return Finding(path=path, got=got, fix=fix)


def _fix(detail: ErrorDetails) -> str:
    return str(detail["ctx"]["fix"]) if detail["type"] == FIX_ERROR else detail["msg"].lower()


def _is_confidential(path: SettingPath) -> bool:
    """Whether a value may be a secret."""
    match path:
        case ("services", int(), "environments", int(), *rest):
            return _is_confidential(("services", 0, *rest))
        case ("services", int(), "secrets", str()) | ("services", int(), "environment" | "secrets"):
            return True
        case ("base_images", int(), "upstream_credentials") | ("bitbucket", "status_credentials"):
            return True
        case ("services", int(), "environment", str(name)):
            return formats.names_a_secret(name)
    return False


def _confidential_fix(detail: ErrorDetails) -> str:
    location = detail["loc"]
    match (location[4:] if "environments" in location else location[2:]) or location[1:]:
        case ("environment", str(name)):
            return secret_fix(name)
        case ("secrets", _) | ("upstream_credentials",) | ("status_credentials",) if not isinstance(
            detail["input"], str
        ):
            return "use the name or ARN of a Secrets Manager secret, in quotes"
    return _FIXES.get(detail["type"]) or _fix(detail)


def _missing(path: SettingPath, model: type[BaseModel]) -> str:
    owner = _model_at(path[:-1], model)
    key = str(path[-1])
    examples = owner.model_fields[key].examples if owner else None
    return f'add it, such as "{key}: {_example(examples[0])}"' if examples else f"add {key}"


def _example(value: object) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)


def _unknown_key(path: SettingPath, model: type[BaseModel]) -> Finding:
    keys = _keys(path[:-1], model)
    key = str(path[-1])
    close = difflib.get_close_matches(key.lower().replace("-", "_"), keys, n=1)
    if close:
        meant = (*path[:-1], close[0])
        return Finding(path=path, got="an unknown key", fix=f"did you mean {close[0]}?", involves=(meant,))
    return Finding(path=path, got="an unknown key", fix=f"remove it, or use one of {', '.join(keys)}")


def _keys(path: SettingPath, model: type[BaseModel]) -> list[str]:
    owner = _model_at(path, model)
    return list(owner.model_fields) if owner else []


def _model_at(path: SettingPath, model: type[BaseModel]) -> type[BaseModel] | None:
    """The model that describes the mapping at a path."""
    annotation: Any = model
    for step in path:
        annotation = get_args(annotation)[0] if isinstance(step, int) else annotation.model_fields[step].annotation
        if get_origin(annotation) is UnionType:
            annotation = next(choice for choice in get_args(annotation) if choice is not NoneType)
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
