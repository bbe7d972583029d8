"""Reads a YAML file into plain data and remembers the line of every key and value."""

import os
from collections.abc import Iterable
from pathlib import Path

import yaml

from pythonbase_settings.problems import Finding, Problem, SettingsError, place, printable, shown_plain, shown_text
from pythonbase_settings.reading.yaml_values import Builder, Value

_MAX_BYTES = 1_000_000
_MAX_DEPTH = 30  # the settings need 5
_MAX_VALUES = 200_000  # after aliases are expanded; a handful of lines can otherwise stand for billions


class Document:
    """A YAML file: its data, and the line of each value."""

    def __init__(self, *, file: str, root: Value, problems: list[Problem]) -> None:
        self.file = file
        self.problems = problems
        self._root = root

    @property
    def data(self) -> object:
        """Dictionaries, lists, texts, whole numbers, None and `Unquoted`."""
        return self._root.data

    def problems_with(self, findings: Iterable[Finding]) -> list[Problem]:
        """All problems: those of the YAML file, and the findings in other values."""
        own = {(problem.line, problem.place) for problem in self.problems}
        found = [self._problem(finding) for finding in findings]
        return [*self.problems, *(problem for problem in found if (problem.line, problem.place) not in own)]

    def _problem(self, finding: Finding) -> Problem:
        """Adds the line to a finding: of the value; of the key, if the value has several lines or is unknown; of the
        enclosing mapping, if the key is missing."""
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
    """The path for messages: relative to the working directory if it is below it, otherwise as given."""
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
    builder = Builder(file)
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
    """The loader of PyYAML with a limit for the depth: a deeply nested file would exceed Python's recursion limit."""

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
        # an error at the end of the file has a line number that does not exist
        line = min(line, len(text.splitlines()))
        got = f"invalid YAML ({shown_plain(error.problem or error.context or 'it cannot be read')})"
        raise _unreadable(file, line, got, _syntax_fix(error.problem or "", text, line)) from None
    except (ValueError, OverflowError):
        # PyYAML converts escapes such as "\UFFFFFFFF" and huge numbers in %YAML without checks
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
