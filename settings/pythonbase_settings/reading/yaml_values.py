"""Turns the nodes of a YAML file into plain data and remembers the line of every key and value.

PyYAML's own constructor keeps the last of two equal keys silently, forgets lines, and reads `yes`, `012` and `12:30` as
something other than what is written. This one reports the first, keeps the second, and hands over the third as
`Unquoted`, so that the settings can say "quote it".
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from pythonbase_settings.fields.unquoted import Unquoted
from pythonbase_settings.problems import Problem, SettingPath, place, shown_plain, shown_text

_TAG = "tag:yaml.org,2002:"
_WHOLE_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_SURROGATE = re.compile("[\ud800-\udfff]")  # can be written as an escape, and cannot be encoded
_DIGITS = re.compile(r"[0-9]+")


@dataclass(frozen=True)
class Value:
    """A value with its place. `children` maps a key or an index to the line of the key and the value."""

    data: object
    line: int
    shown: str
    size: int = 1
    children: dict[str | int, tuple[int, "Value"]] = field(default_factory=dict)


class Builder:
    """Turns PyYAML's nodes into values. A node that several aliases refer to is turned once."""

    def __init__(self, file: str) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._done: dict[int, Value] = {}
        self._open: set[int] = set()

    def report(self, node: yaml.Node, path: SettingPath, got: str, fix: str) -> None:
        line = node.start_mark.line + 1
        self.problems.append(Problem(file=self._file, line=line, place=place(path), got=got, fix=fix))

    def build(self, node: yaml.Node, path: SettingPath) -> Value:
        if id(node) in self._done:
            return self._done[id(node)]
        if id(node) in self._open:
            self.report(node, path, "an anchor that contains itself", "remove the alias")
            return Value(None, node.start_mark.line + 1, "nothing")
        self._open.add(id(node))
        if isinstance(node, yaml.MappingNode):
            value = self._mapping(node, path)
        elif isinstance(node, yaml.SequenceNode):
            value = self._sequence(node, path)
        else:
            value = self._scalar(node, path)
        self._open.remove(id(node))
        self._done[id(node)] = value
        return value

    def _check_tag(self, node: yaml.Node, path: SettingPath, *known: str) -> None:
        if node.tag.removeprefix(_TAG) not in known:
            got = f"the YAML tag {shown_plain(node.tag.replace(_TAG, '!!'))}"
            self.report(node, path, got, "remove the tag")

    def _mapping(self, node: yaml.MappingNode, path: SettingPath) -> Value:
        self._check_tag(node, path, "map")
        children: dict[str | int, tuple[int, Value]] = {}
        merged: list[Value] = []
        for key_node, value_node in node.value:
            if key_node.tag == f"{_TAG}merge":
                merged.extend(self._merged(value_node, path))
                continue
            key = self._key(key_node, path)
            if key is None:
                continue
            here = (*path, key)
            if key in children:
                fix = f"remove one: it is already on line {children[key][0]}"
                self.report(key_node, here, "a key that is there twice", fix)
                continue
            children[key] = (key_node.start_mark.line + 1, self.build(value_node, here))
        for value in merged:  # the mapping's own keys win, then those of the first merged mapping
            children = {**value.children, **children}
        data = {key: child.data for key, (_, child) in children.items()}
        shown = "a mapping" if children else "an empty mapping"
        return Value(data, node.start_mark.line + 1, shown, _size(children), children)

    def _merged(self, node: yaml.Node, path: SettingPath) -> Iterator[Value]:
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        for part in parts:
            if isinstance(part, yaml.MappingNode):
                yield self.build(part, path)
            else:
                self.report(part, (*path, "<<"), "something that is not a mapping", "use an alias of a mapping")

    def _key(self, node: yaml.Node, path: SettingPath) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            self.report(node, path, "a key that is a list or a mapping", "use a text as the key")
            return None
        if not isinstance(self.build(node, path).data, str):
            text = node.value or "null"
            self.report(node, (*path, text), f"the key {shown_plain(text)}", f"quote it: {shown_text(text)}")
        return str(node.value)

    def _sequence(self, node: yaml.SequenceNode, path: SettingPath) -> Value:
        self._check_tag(node, path, "seq")
        children: dict[str | int, tuple[int, Value]] = {}
        for index, item in enumerate(node.value):
            children[index] = (item.start_mark.line + 1, self.build(item, (*path, index)))
        data = [child.data for _, child in children.values()]
        shown = "a list" if children else "an empty list"
        return Value(data, node.start_mark.line + 1, shown, _size(children), children)

    def _scalar(self, node: yaml.Node, path: SettingPath) -> Value:
        self._check_tag(node, path, "str", "int", "float", "bool", "null", "timestamp", "merge", "value")
        line, text, tag = node.start_mark.line + 1, str(node.value), node.tag.removeprefix(_TAG)
        if tag == "null":
            return Value(None, line, "nothing")
        if _SURROGATE.search(text):
            self.report(node, path, shown_text(text), "remove the half of a character, such as \\ud800")
        # YAML 1.1 takes 012345678901 for a text (8 and 9 are no octal digits), YAML 1.2 for a number
        ambiguous = isinstance(node, yaml.ScalarNode) and node.style is None and _DIGITS.fullmatch(text)
        if tag in {"int", "float", "bool", "timestamp"} or ambiguous:
            number = tag == "int" and _WHOLE_NUMBER.fullmatch(text)
            return Value(int(text) if number else Unquoted(text), line, shown_plain(text))
        return Value(text, line, shown_text(text))


def _size(children: dict[str | int, tuple[int, Value]]) -> int:
    return 1 + sum(child.size for _, child in children.values())
