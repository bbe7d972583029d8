"""Finds the type and the marks of a setting in the model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from pythonbase_settings.fields.confidential import Confidential, ConfidentialEntries
from pythonbase_settings.problems import SettingPath


@dataclass(frozen=True)
class Described:
    """A type in the model, with its marks.

    Attributes:
        kind: the type without `Annotated` and None: a model, a list, a dictionary, a plain type.
        marks: what `Annotated` adds to it.
    """

    kind: Any
    marks: tuple[object, ...] = ()

    @classmethod
    def of(cls, annotation: Any, marks: Iterable[object] = ()) -> Described:
        """The description of an annotation."""
        found = tuple(marks)
        while get_origin(annotation) in (Annotated, Union, UnionType):
            if get_origin(annotation) is Annotated:
                annotation, *more = get_args(annotation)
                found += tuple(more)
            else:
                annotation = next(choice for choice in get_args(annotation) if choice is not NoneType)
        return cls(annotation, found)

    @property
    def model(self) -> type[BaseModel] | None:
        """The type, if it is a model."""
        return self.kind if isinstance(self.kind, type) and issubclass(self.kind, BaseModel) else None

    def inside(self, step: str | int) -> Described | None:
        """The description of a field or an entry; None if there is none with this name."""
        if self.model:
            field = self.model.model_fields.get(str(step))
            return Described.of(field.annotation, field.metadata) if field else None
        arguments = get_args(self.kind)
        return Described.of(arguments[-1]) if arguments else None

    def at(self, path: SettingPath) -> Described | None:
        """The description of the setting at a path below this one."""
        here: Described | None = self
        for step in path:
            here = here.inside(step) if here else None
        return here

    def confidential_at(self, path: SettingPath) -> Confidential | None:
        """The mark of the setting at a path below this one, if its value may be a secret."""
        here, owner = self.at(path), self.at(path[:-1])
        for mark in here.marks if here else ():
            if isinstance(mark, Confidential):
                return mark
            if isinstance(mark, ConfidentialEntries):
                return Confidential()
        entries = (
            mark.entry(str(path[-1]))
            for mark in (owner.marks if owner else ())
            if isinstance(mark, ConfidentialEntries)
        )
        return next((mark for mark in entries if mark), None)
