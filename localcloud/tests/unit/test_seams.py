"""The list of MiniStack's names that the local cloud uses is complete and holds nothing else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from pythonbase_localcloud.aws import seams

AWS = Path(seams.__file__).parent
MODULES = {name for name, value in vars(seams).items() if getattr(value, "__name__", "").startswith("ministack.")}


def _trees() -> Iterator[ast.Module]:
    for path in sorted(AWS.rglob("*.py")):
        if path.name != "seams.py":
            yield ast.parse(path.read_text())


def _module(node: ast.expr, aliases: dict[str, str]) -> str | None:
    """The module of MiniStack that an expression is: `seams.ecs`, or a name that stands for it."""
    match node:
        case ast.Attribute(value=ast.Name(id="seams"), attr=name) if name in MODULES:
            return name
        case ast.Name(id=name):
            return aliases.get(name)
    return None


def _aliases(tree: ast.Module) -> dict[str, str]:
    found = {}
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if module := _module(value, {}):
                found[name] = module
            case ast.ImportFrom(module=source) if source and source.endswith("seams"):
                found |= {item.asname or item.name: item.name for item in node.names if item.name in MODULES}
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                for target, value in zip(names, values, strict=True):
                    module = _module(value, {})
                    if module and isinstance(target, ast.Name):
                        found[target.id] = module
    return found


def _used() -> set[tuple[str, str]]:
    """Module and name of everything that is read or replaced by its name."""
    found = set()
    for tree in _trees():
        aliases = _aliases(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and (module := _module(node.value, aliases)):
                found.add((module, node.attr))
    return found


def _listed() -> set[tuple[str, str]]:
    names = {id(getattr(seams, name)): name for name in MODULES}
    return {(names[id(module)], name) for module, listed in seams.USED.items() for name in listed}


def test_every_name_that_is_used_is_listed() -> None:
    assert sorted(_used() - _listed()) == []


def test_every_name_that_is_listed_is_used() -> None:
    # Some are replaced by `setattr`, with the name as a text.
    texts = {
        node.value
        for tree in _trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert sorted(item for item in _listed() - _used() if item[1] not in texts) == []


def test_the_names_of_a_module_are_sorted() -> None:
    for module, names in seams.USED.items():
        assert list(names) == sorted(names, key=str.lower), module.__name__
