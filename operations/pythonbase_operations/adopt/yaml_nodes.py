"""YAML as nodes with line numbers."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from pythonbase_operations.adopt.model import FileError

# The loader in C is much faster; PyYAML may be installed without it.
_LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST = 100


def read_yaml(data: bytes) -> yaml.Node | None:
    """The document of a file; None if there is none.

    Raises:
        FileError: if it is not YAML, or more than one document.
    """
    try:
        text_of_file = data.decode("utf-8-sig")
        _refuse_depth(text_of_file)
        return yaml.compose(text_of_file, Loader=_LOADER)
    except UnicodeDecodeError:
        raise FileError("not text in UTF-8") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise FileError(f"not YAML: {error.problem}", mark.line + 1 if mark else None) from None
    except yaml.YAMLError as error:
        raise FileError(f"not YAML: {' '.join(str(error).split())}") from None


def _refuse_depth(document: str) -> None:
    """Composing nodes is recursive, in C without a limit: deep nesting would crash the process."""
    depth = 0
    for event in yaml.parse(document, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                raise FileError("nested too deeply", event.start_mark.line + 1 if event.start_mark else None)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def items(node: yaml.Node | None) -> Iterator[tuple[str, yaml.Node]]:
    """Keys and values of a mapping, with those that ``<<`` merges. Empty if the node is not a mapping."""
    yield from _items(node, ()).items()


def _items(node: yaml.Node | None, inside: tuple[int, ...]) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode) or id(node) in inside:
        return {}
    merged: dict[str, yaml.Node] = {}
    own: dict[str, yaml.Node] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            continue
        if key.value == "<<":
            for part in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                merged = _items(part, (*inside, id(node))) | merged
        else:
            own[key.value] = value
    return merged | own


def get(node: yaml.Node | None, *keys: str) -> yaml.Node | None:
    """What is below these keys; None if there is nothing."""
    for key in keys:
        node = _items(node, ()).get(key)
    return node


def sequence(node: yaml.Node | None) -> list[yaml.Node]:
    """The entries of a sequence. Empty if the node is not a sequence."""
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def text(node: yaml.Node | None) -> str | None:
    """The text of a scalar; None if the node is not a scalar, or is null."""
    if not isinstance(node, yaml.ScalarNode) or node.tag == "tag:yaml.org,2002:null":
        return None
    return str(node.value)


def line(node: yaml.Node) -> int:
    """The line where a node begins, counted from 1."""
    return int(node.start_mark.line) + 1


def text_line(node: yaml.Node) -> int:
    """The line where the text of a scalar begins: after ``|`` and ``>``, the next line."""
    is_block = isinstance(node, yaml.ScalarNode) and node.style in ("|", ">")
    return line(node) + (1 if is_block else 0)


def walk(node: yaml.Node | None, *, but: frozenset[str] = frozenset()) -> Iterator[tuple[str, yaml.Node]]:
    """Every key with its value, at any depth, except what is below the keys ``but``. Each node once."""
    seen: set[int] = set()
    waiting = [node]
    while waiting:
        here = waiting.pop()
        if here is None or id(here) in seen:
            continue
        seen.add(id(here))
        for key, value in items(here):
            if key not in but:
                yield key, value
                waiting.append(value)
        waiting.extend(sequence(here))
