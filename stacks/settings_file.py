"""Reads a YAML file into plain data and remembers the line of every key and value.

PyYAML's own loader keeps the last of two equal keys silently, forgets lines, and reads `yes`, `012` and
`12:30` as something other than what is written. This one reports the first, keeps the second, and hands over
the third as `Unquoted`, so that the settings can say "quote it".
"""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from stacks.problems import Finding, Problem, SettingPath, SettingsError, place, printable, shown_plain, shown_text

_MAX_BYTES = 1_000_000
_MAX_DEPTH = 30  # the settings need 5
_MAX_VALUES = 200_000  # after aliases are expanded; a handful of lines can otherwise stand for billions
_TAG = "tag:yaml.org,2002:"
_WHOLE_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_SURROGATE = re.compile("[\ud800-\udfff]")  # can be written as an escape, and cannot be encoded
_DIGITS = re.compile(r"[0-9]+")


@dataclass(frozen=True)
class Unquoted:
    """A value without quotes that YAML reads as a truth value, a fraction, a date or an odd number.

    The text is kept as the file has it: a setting that is a truth value takes `true` and `false`, and nothing else.
    """

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class _Value:
    """A value with its place. `children` maps a key or an index to the line of the key and the value."""

    data: object
    line: int
    shown: str
    size: int = 1
    children: dict[str | int, tuple[int, "_Value"]] = field(default_factory=dict)


class Document:
    """A YAML file that could be read: its data, and where everything in it stands."""

    def __init__(self, *, file: str, root: _Value, problems: list[Problem]) -> None:
        self.file = file
        self.problems = problems
        self._root = root

    @property
    def data(self) -> object:
        """Dictionaries, lists, texts, whole numbers, None and `Unquoted`."""
        return self._root.data

    def problems_with(self, findings: Iterable[Finding]) -> list[Problem]:
        """All problems of the file: its own, and the findings that are not consequences of these."""
        own = {(problem.line, problem.place) for problem in self.problems}
        found = [self._problem(finding) for finding in findings]
        return [*self.problems, *(problem for problem in found if (problem.line, problem.place) not in own)]

    def _problem(self, finding: Finding) -> Problem:
        """Puts a finding at its line: of the value, of the key when the value spans lines or is unknown,
        of the enclosing mapping when the key is missing."""
        line, value = self._root.line, self._root
        shown = self._root.shown
        for step in finding.path:
            if step not in value.children:
                shown = "nothing"
                break
            key_line, value = value.children[step]
            line = key_line if value.children or value.data is None else value.line
            shown = value.shown
        got = shown if finding.got is None else finding.got
        return Problem(file=self.file, line=line, place=place(finding.path), got=got, fix=finding.fix)


def shown_path(path: Path) -> str:
    """The path for messages: relative to the working directory when it is below it, else as given."""
    try:
        return printable(str(path.relative_to(Path.cwd())))
    except (ValueError, OSError):
        return printable(str(path))


def read_document(path: Path) -> Document:
    """Reads the YAML file.

    Raises:
        SettingsError: it cannot be read, is not UTF-8, not YAML, empty, or not a mapping. Repeated keys and the
            like do not raise: they are in the document's `problems`.
    """
    file = shown_path(path)
    text = _read_text(path, file)
    root = _compose(text, file)
    builder = _Builder(file)
    value = builder.build(root, ())
    if not isinstance(root, yaml.MappingNode):
        builder.report(root, (), value.shown, 'write settings as "key: value" lines, such as "services:"')
        raise SettingsError(builder.problems)
    if value.size > _MAX_VALUES:
        got = "aliases that stand for too many values"
        raise _unreadable(file, value.line, got, f"write fewer than {_MAX_VALUES} values")
    return Document(file=file, root=value, problems=builder.problems)


def _unreadable(file: str, line: int | None, got: str, fix: str) -> SettingsError:
    return SettingsError([Problem(file=file, line=line, place="", got=got, fix=fix)])


def _read_text(path: Path, file: str) -> str:
    try:
        if path.is_dir():
            raise _unreadable(file, None, "a directory", "name the file in it, such as platform.yaml")
        if path.exists() and not path.is_file():
            raise _unreadable(file, None, "something that is not a file", "name a YAML file")
        with path.open("rb") as stream:
            content = stream.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        fix = "create it, or name another with: cdk <command> -c config=<file>"
        raise _unreadable(file, None, "no such file", fix) from None
    except OSError as error:
        got = f"an unreadable file ({os.strerror(error.errno) if error.errno else error})"
        raise _unreadable(file, None, got, "make it readable") from None
    except ValueError:  # a NUL byte in the name
        raise _unreadable(shown_text(file), None, "an impossible file name", "name a YAML file") from None
    if len(content) > _MAX_BYTES:
        raise _unreadable(file, None, f"more than {_MAX_BYTES} bytes", "name a settings file")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        got = f"byte 0x{content[error.start]:02x}, which is not UTF-8 text"
        raise _unreadable(file, line, got, "save the file as UTF-8") from None
    if not text.strip():
        raise _unreadable(file, 1, "an empty file", 'write settings, such as "services:"')
    return text


class _Composer(yaml.SafeLoader):
    """PyYAML's own, which would meet Python's recursion limit in a deeply nested file."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call] # the stubs have no type for it
            raise yaml.composer.ComposerError(None, None, f"more than {_MAX_DEPTH} levels of nesting", mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _compose(text: str, file: str) -> yaml.Node:
    composer: _Composer | None = None
    try:
        composer = _Composer(text)
        node: yaml.Node | None = composer.get_single_node()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        got = f"character U+{ord(text[error.position]):04X}, which YAML does not allow"
        raise _unreadable(file, line, got, "remove it") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        # a complaint about the end of the file is of no use at a line that does not exist
        line = min(line, len(text.splitlines()))
        got = f"invalid YAML ({shown_plain(error.problem or error.context or 'it cannot be read')})"
        raise _unreadable(file, line, got, _syntax_fix(error.problem or "", text, line)) from None
    except (ValueError, OverflowError):
        # PyYAML converts escapes such as "\UFFFFFFFF" and huge numbers of %YAML without looking at them
        line = composer.line + 1 if composer else 1
        raise _unreadable(file, line, "invalid YAML (an impossible character or number)", "remove it") from None
    if node is None:
        raise _unreadable(file, 1, "a file without settings", 'write settings, such as "services:"')
    return node


def _syntax_fix(problem: str, text: str, line: int) -> str:
    source = (text.splitlines() or [""])[line - 1]
    fixes = {
        "'\\t'": "use spaces instead of the tab",
        "cannot start any token": "put quotes around the value",
        "mapping values are not allowed": "check the indentation, and put quotes around a value that contains a colon",
        "undefined alias": "define it above with &, or put quotes around the value",
        "another document": "keep one document: remove the --- line and what follows",
        "levels of nesting": "write the settings as docs/platform.md shows",
    }
    if "\t" in source[: len(source) - len(source.lstrip())]:
        return fixes["'\\t'"]
    for words, fix in fixes.items():
        if words in problem:
            return fix
    return "check indentation, quotes and colons of this line and the one above"


class _Builder:
    """Turns PyYAML's nodes into values. A node that several aliases refer to is turned once."""

    def __init__(self, file: str) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._done: dict[int, _Value] = {}
        self._open: set[int] = set()

    def report(self, node: yaml.Node, path: SettingPath, got: str, fix: str) -> None:
        line = node.start_mark.line + 1
        self.problems.append(Problem(file=self._file, line=line, place=place(path), got=got, fix=fix))

    def build(self, node: yaml.Node, path: SettingPath) -> _Value:
        if id(node) in self._done:
            return self._done[id(node)]
        if id(node) in self._open:
            self.report(node, path, "an anchor that contains itself", "remove the alias")
            return _Value(None, node.start_mark.line + 1, "nothing")
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

    def _mapping(self, node: yaml.MappingNode, path: SettingPath) -> _Value:
        self._check_tag(node, path, "map")
        children: dict[str | int, tuple[int, _Value]] = {}
        merged: list[_Value] = []
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
        return _Value(data, node.start_mark.line + 1, shown, _size(children), children)

    def _merged(self, node: yaml.Node, path: SettingPath) -> Iterator[_Value]:
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

    def _sequence(self, node: yaml.SequenceNode, path: SettingPath) -> _Value:
        self._check_tag(node, path, "seq")
        children: dict[str | int, tuple[int, _Value]] = {}
        for index, item in enumerate(node.value):
            children[index] = (item.start_mark.line + 1, self.build(item, (*path, index)))
        data = [child.data for _, child in children.values()]
        shown = "a list" if children else "an empty list"
        return _Value(data, node.start_mark.line + 1, shown, _size(children), children)

    def _scalar(self, node: yaml.Node, path: SettingPath) -> _Value:
        self._check_tag(node, path, "str", "int", "float", "bool", "null", "timestamp", "merge", "value")
        line, text, tag = node.start_mark.line + 1, str(node.value), node.tag.removeprefix(_TAG)
        if tag == "null":
            return _Value(None, line, "nothing")
        if _SURROGATE.search(text):
            self.report(node, path, shown_text(text), "remove the half of a character, such as \\ud800")
        # YAML 1.1 takes 012345678901 for a text (8 and 9 are no octal digits), YAML 1.2 for a number
        ambiguous = isinstance(node, yaml.ScalarNode) and node.style is None and _DIGITS.fullmatch(text)
        if tag in {"int", "float", "bool", "timestamp"} or ambiguous:
            number = tag == "int" and _WHOLE_NUMBER.fullmatch(text)
            return _Value(int(text) if number else Unquoted(text), line, shown_plain(text))
        return _Value(text, line, shown_text(text))


def _size(children: dict[str | int, tuple[int, _Value]]) -> int:
    return 1 + sum(child.size for _, child in children.values())
