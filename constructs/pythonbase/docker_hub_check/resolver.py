"""Resolves intrinsic functions of a template to all their possible values."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pythonbase.docker_hub_check.holes import Holes

_MOST_ALTERNATIVES = 200
_DYNAMIC = re.compile(r"\{\{resolve:[^{}]*\}\}")
_SUB_NAME = re.compile(r"\$\{(!?)([^}]*)\}")
_REPOSITORY = "AWS::ECR::Repository"
_NO_VALUE = "AWS::NoValue"


class Resolver:
    """Resolves values of one template to all possible texts, with holes for what is known only at deployment.

    Resolves ``Fn::Join``, ``Fn::Sub``, ``Fn::Select``, ``Fn::Split``, both branches of ``Fn::If``, all values of
    ``Fn::FindInMap``, defaults and allowed values of parameters, name, URI and ARN of the template's ECR
    repositories. Everything else is a hole: pseudo parameters, parameters from SSM or without a default, attributes of
    other resources, values of other stacks, dynamic references such as ``{{resolve:ssm:…}}``.

    Args:
        template: The template, for its parameters, mappings and resources.
        holes: Creates the holes.
    """

    def __init__(self, template: Mapping[str, Any], holes: Holes) -> None:
        self._parameters: Mapping[str, Any] = template.get("Parameters", {})
        self._mappings: Mapping[str, Any] = template.get("Mappings", {})
        self._resources: Mapping[str, Any] = template.get("Resources", {})
        self._holes = holes

    def texts(self, value: Any) -> list[str]:
        """All possible texts of the value; none if it can only be left out."""
        # Last, because a dynamic reference can be joined from several values.
        return [_DYNAMIC.sub(lambda match: self._holes.hole(match[0]), text) for text in self._texts(value)]

    def structures(self, value: Any) -> list[Any]:
        """All possible lists or objects of the value; a function that is neither is returned unchanged."""
        match value:
            case {"Fn::If": [_, yes, no]}:
                return [*self.structures(yes), *self.structures(no)]
            case {"Ref": str() as name} if name == _NO_VALUE:
                return []
        return [value]

    def unknown(self, value: Any) -> str:
        """The hole for a value that cannot be resolved."""
        return self._holes.hole(describe(value))

    def _texts(self, value: Any) -> list[str]:
        if isinstance(value, str):
            return [value]
        if isinstance(value, bool | int | float):
            return [str(value).lower()]
        texts = self._function(value)
        return [self.unknown(value)] if texts is None else _unique(texts)

    def _function(self, value: Any) -> list[str] | None:
        """All possible texts of a function; None if unknown."""
        texts: list[str] | None = None
        match value:
            case {"Ref": str() as name}:
                texts = self._ref(name)
            case {"Fn::GetAtt": attribute}:
                texts = self._attribute(attribute)
            case {"Fn::Join": [str() as separator, parts]}:
                texts = self._join(separator, parts)
            case {"Fn::Sub": str() as text}:
                texts = self._sub(text, {})
            case {"Fn::Sub": [str() as text, dict() as names]}:
                texts = self._sub(text, names)
            case {"Fn::Select": [index, source]}:
                texts = self._select(index, source)
            case {"Fn::If": [_, yes, no]}:
                texts = [*self._texts(yes), *self._texts(no)]
            case {"Fn::FindInMap": [name, first, second, *options]}:
                texts = self._find_in_map(name, first, second, options)
        return texts

    def _ref(self, name: str) -> list[str] | None:
        if name == _NO_VALUE:
            return []
        if name in self._parameters:
            parameter = self._parameters[name]
            # The default of such a parameter is the name of an SSM parameter, not its value.
            if str(parameter.get("Type")).startswith("AWS::SSM::"):
                return None
            values = parameter.get("AllowedValues") or [parameter[key] for key in ("Default",) if key in parameter]
            return [str(value) for value in values] or None
        return self._repository_names(name)

    def _attribute(self, attribute: Any) -> list[str] | None:
        path = ".".join(map(str, attribute)) if isinstance(attribute, list) else str(attribute)
        name, _, key = path.partition(".")
        names = self._repository_names(name)
        if names is None or key not in {"Arn", "RepositoryUri"}:
            return None
        hole = self._holes.hole
        account, region = hole("AWS::AccountId"), hole("AWS::Region")
        start = (
            f"arn:{hole('AWS::Partition')}:ecr:{region}:{account}:repository/"
            if key == "Arn"
            else f"{account}.dkr.ecr.{region}.{hole('AWS::URLSuffix')}/"
        )
        return [start + text for text in names]

    def _repository_names(self, logical_id: str) -> list[str] | None:
        resource = self._resources.get(logical_id, {})
        if resource.get("Type") != _REPOSITORY:
            return None
        named = resource.get("Properties", {}).get("RepositoryName", {"Ref": _NO_VALUE})
        return self._texts(named) or [self._holes.hole(logical_id)]

    def _join(self, separator: str, parts: Any) -> list[str] | None:
        lists = self._lists(parts)
        return None if lists is None else [separator.join(items) for items in lists]

    def _sub(self, text: str, names: Mapping[str, Any]) -> list[str]:
        parts: list[list[str]] = []
        end = 0
        for match in _SUB_NAME.finditer(text):
            parts.append([text[end : match.start()]])
            end = match.end()
            literal, name = match[1], match[2].strip()
            if literal:
                parts.append([f"${{{name}}}"])
            elif name in names:
                parts.append(self._texts(names[name]))
            elif "." in name:
                parts.append(self._texts({"Fn::GetAtt": name}))
            else:
                parts.append(self._texts({"Ref": name}))
        parts.append([text[end:]])
        return ["".join(items) for items in self._combinations(parts)]

    def _select(self, index: Any, source: Any) -> list[str] | None:
        lists = self._lists(source)
        position = str(index)
        if lists is None or not position.isdecimal():
            return None
        # An index is out of range if the whole text is unknown: then its parts are unknown too.
        return [items[int(position)] if int(position) < len(items) else self.unknown(source) for items in lists]

    def _find_in_map(self, name: Any, first: Any, second: Any, options: Sequence[Any]) -> list[str] | None:
        table = self._mappings.get(name) if isinstance(name, str) else None
        if table is None:
            return None
        rows = [table[first]] if isinstance(first, str) and first in table else table.values()
        cells = [cell for row in rows for key, cell in row.items() if key == second or not isinstance(second, str)]
        cells += [option["DefaultValue"] for option in options if "DefaultValue" in option]
        return [text for cell in cells for text in self._texts(cell)]

    def _lists(self, value: Any) -> list[list[str]] | None:
        """All possible lists of texts of the value; None if unknown."""
        match value:
            case list():
                return self._combinations([self._texts(item) for item in value if item != {"Ref": _NO_VALUE}])
            case {"Fn::Split": [str() as separator, source]}:
                return [text.split(separator) for text in self._texts(source)]
            case {"Fn::If": [_, yes, no]}:
                both = [self._lists(yes), self._lists(no)]
                return None if None in both else [items for lists in both for items in lists or []]
            case {"Ref": str() as name} if self._parameters.get(name, {}).get("Type") == "CommaDelimitedList":
                texts = self._ref(name)
                return None if texts is None else [re.split(r"\s*,\s*", text) for text in texts]
        return None

    def _combinations(self, parts: Sequence[Sequence[str]]) -> list[list[str]]:
        if math.prod(len(alternatives) for alternatives in parts) > _MOST_ALTERNATIVES:
            return [[self._holes.hole(f"more than {_MOST_ALTERNATIVES} alternatives")]]
        return [list(items) for items in itertools.product(*parts)]


def describe(value: Any) -> str:
    """A short description of a template's function, for reports and for the ids of findings."""
    match value:
        case {"Ref": name}:
            return str(name)
        case {"Fn::GetAtt": [*names]}:
            return ".".join(map(str, names))
        case {"Fn::GetStackOutput": {"StackName": stack, "OutputName": output}}:
            return f"{describe(stack)}.{describe(output)}"
        case {"Fn::Select": [_, source]} | {"Fn::Split": [_, source]}:
            return describe(source)
        case dict() if len(value) == 1:
            ((function, argument),) = value.items()
            return f"{function}:{argument}" if isinstance(argument, str) else str(function)
    return str(value)


def _unique(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
