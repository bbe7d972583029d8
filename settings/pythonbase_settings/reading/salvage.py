"""Makes settings from a file with errors, so that its other values can be checked in the same run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from pythonbase_settings.reading.described import Described
from pythonbase_settings.sections.section import StandIn
from pythonbase_settings.settings import Settings

_Model = TypeVar("_Model", bound=BaseModel)


@dataclass
class _Mistakes:
    """Paths of wrong values, as a tree: whether the value here is wrong, and the wrong values inside it."""

    here: bool = False
    inside: dict[str | int, _Mistakes] = field(default_factory=dict)

    @classmethod
    def of(cls, error: ValidationError) -> _Mistakes:
        """The paths in an error of pydantic."""
        root = cls()
        for detail in error.errors():
            place = root
            for step in detail["loc"]:
                place = place.inside.setdefault(step, cls())
            place.here = True
        return root


def salvage(data: object, error: ValidationError) -> Settings:
    """Settings in which each wrong value is replaced by its default or, where there is none, by a stand-in.

    Every entry of a list keeps its index. Use the result only to find more errors.

    Args:
        data: The content of the file.
        error: The errors that the model found in it.
    """
    return _usable(Settings, data, _Mistakes.of(error))


def _usable(model: type[_Model], raw: object, mistakes: _Mistakes, *, index: int = 0) -> _Model:
    right: dict[str, Any] = {}
    patched: dict[str, Any] = {}
    for key, value in (raw if isinstance(raw, dict) else {}).items():
        wrong, described = mistakes.inside.get(key), Described(model).inside(key)
        if wrong is None:
            right[key] = value
        elif described and not wrong.here:
            entry = described.inside(0)
            if isinstance(value, list) and not (entry and entry.model):
                # The model must not validate these again: it would refuse the stand-ins.
                patched[key] = [f"wrong-{at}" if at in wrong.inside else item for at, item in enumerate(value)]
            else:
                right[key] = _part(described, value, wrong)
    for key, item in model.model_fields.items():
        if item.is_required() and key not in right:
            right[key] = _stand_in(item, index)
    return model.model_validate(right).model_copy(update=patched)


def _part(described: Described, value: Any, mistakes: _Mistakes) -> object:
    """The correct values of a section, of a list of sections, or of a dictionary."""
    if described.model:
        return _usable(described.model, value, mistakes)
    if isinstance(value, dict):
        return {name: item for name, item in value.items() if name not in mistakes.inside}
    entry = described.inside(0)
    return [
        _usable(entry.model, item, mistakes.inside.get(index, _Mistakes()), index=index)
        for index, item in enumerate(value)
        if entry and entry.model
    ]


def _stand_in(item: FieldInfo, index: int) -> object:
    marks = [mark.pattern.format(index) for mark in item.metadata if isinstance(mark, StandIn)]
    return [*marks, *(item.examples or ()), None][0]
