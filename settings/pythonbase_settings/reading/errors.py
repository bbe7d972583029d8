"""Turns the errors of pydantic into findings, with the messages of this application."""

import difflib

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pythonbase_settings.fields.confidential import HIDDEN
from pythonbase_settings.fields.rules import FIX_ERROR
from pythonbase_settings.fields.secrets import holds_a_login
from pythonbase_settings.problems import Finding, SettingPath, shown_text
from pythonbase_settings.reading.described import Described

_KEY_ERROR = "[key]"  # pydantic ends the path of an error in a dictionary's key with it

_FIXES = {
    "list_type": 'use a list: start each entry with "- "',
    "dict_type": 'use NAME: "value" lines below it',
    "string_unicode": "use characters that exist",
}


def findings_of(error: ValidationError, *, model: type[BaseModel]) -> list[Finding]:
    """One finding for each wrong value."""
    # pydantic's type for a default that depends on a wrong value; that value is reported itself
    left_out = "default_factory_not_called"
    return [_finding(detail, model) for detail in error.errors() if detail["type"] != left_out]


def broken_paths(findings: list[Finding]) -> set[SettingPath]:
    """Values that no other check may use: the wrong ones, and the settings that misspelt keys were meant to set."""
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
    confidential = Described(model).confidential_at(path)
    if confidential:
        fix = confidential.fix_of(value) or _FIXES.get(kind) or _fix(detail)
        return Finding(path=path, got=HIDDEN, fix=fix)
    got = HIDDEN if isinstance(value, str) and holds_a_login(value) else None
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


def _missing(path: SettingPath, model: type[BaseModel]) -> str:
    owner = Described(model).at(path[:-1])
    key = str(path[-1])
    examples = owner.model.model_fields[key].examples if owner and owner.model else None
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
    owner = Described(model).at(path)
    return list(owner.model.model_fields) if owner and owner.model else []
