"""The pages of docs/api/, the reference of the library, from its docstrings.

griffe reads sources and docstrings without importing them. The pages are written here because the tools that give
Markdown (griffe2md, lazydocs) name the module in which a class happens to be, and not what teams import.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import griffe

from tests.pages.markdown import anchor, cell

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "api"
LIBRARY = "pythonbase"
_BESIDE = ("pythonbase.removal.remove_with_stack",)
"""What docs/constructs.md tells people to import from elsewhere."""

_SOURCES = ("constructs", "buildspecs")
_ENUMS = {"Enum", "IntEnum", "StrEnum"}
_ONE_LINE = 100

_PLAIN = re.compile(r"'[^']+'|[0-9]+")
"""A text or a number as it is in a signature."""

_LITERAL = re.compile(r"::\n\n((?:(?: {4}.*)?\n)*(?: {4}.*))")
"""A paragraph that ends with two colons, and the indented code behind it."""


@dataclass(frozen=True)
class Entry:
    """A public name."""

    name: str
    imported_from: str
    object: griffe.Object

    @property
    def page(self) -> str:
        """The module or subpackage of the library that it belongs to, or the other package that it comes from."""
        package, *rest = self.object.path.split(".")
        return rest[0] if package == LIBRARY else package


def entries() -> list[Entry]:
    """Every public name of the library."""
    loader = griffe.GriffeLoader(
        search_paths=[ROOT / folder for folder in _SOURCES],
        docstring_parser=griffe.Parser.google,
        # The test reports sections without an argument; griffe would warn on standard error.
        docstring_options={"warnings": False},
        allow_inspection=False,
    )
    library = loader.load(LIBRARY)
    loader.load("pythonbase_buildspecs")
    loader.resolve_aliases(implicit=False)
    found = [Entry(str(name), LIBRARY, _target(library.members[str(name)])) for name in library.exports or ()]
    for path in _BESIDE:
        module, _, name = path.rpartition(".")
        found.append(Entry(name, module, _target(loader.modules_collection[path])))
    return sorted(found, key=lambda entry: (_rank(entry.object), entry.name))


def pages() -> dict[str, str]:
    """File names in docs/api/ to their texts."""
    every = entries()
    names = sorted({entry.page for entry in every})
    shown = {name: [entry for entry in every if entry.page == name] for name in names}
    return {"README.md": _index(shown), **{f"{name}.md": _page(name, found) for name, found in shown.items()}}


def write() -> None:
    """Write the pages, and remove those of modules that are gone."""
    FOLDER.mkdir(exist_ok=True)
    texts = pages()
    for path in FOLDER.glob("*.md"):
        if path.name not in texts:
            path.unlink()
    for name, text in texts.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


def undocumented(entry: Entry) -> Iterator[str]:
    """Arguments that the docstring does not name, and names in it that are not arguments."""
    if not entry.object.docstring:
        yield f"{entry.name}: it has no docstring"
    if not isinstance(entry.object, griffe.Class | griffe.Function) or not _is_called(entry.object):
        return
    given = [parameter.name for parameter in _parameters(entry.object)]
    said = _descriptions(entry.object)
    yield from (f"{entry.name}: {name} is not described" for name in given if name not in said)
    yield from (f"{entry.name}: there is no {name}" for name in said if name not in given)


def unsaid_defaults(entry: Entry) -> Iterator[str]:
    """Optional arguments, also of methods, whose description does not end in ``Default: …``.

    A number must be there as it is in the signature, a text between double backticks.
    """
    for name, item in _called(entry):
        descriptions = _descriptions(item)
        for parameter in _parameters(item):
            default = str(parameter.default)
            said = descriptions.get(parameter.name, "").partition("Default:")[2]
            shown = default.replace("'", "``") if _PLAIN.fullmatch(default) else ""
            if parameter.default is not None and (not said or shown not in said):
                yield f"{name}: the default of {parameter.name} is {default}"


def _called(entry: Entry) -> Iterator[tuple[str, griffe.Class | griffe.Function]]:
    """The entry itself, if people call it, and its public methods."""
    item = entry.object
    if isinstance(item, griffe.Class | griffe.Function) and _is_called(item):
        yield entry.name, item
    for member in item.members.values() if isinstance(item, griffe.Class) else ():
        if isinstance(member, griffe.Function) and member.is_public and not member.is_special:
            yield f"{entry.name}.{member.name}", member


def _descriptions(item: griffe.Object) -> dict[str, str]:
    """Names of the arguments that the docstring has, and what it says of them."""
    return {
        argument.name: argument.description
        for section in _sections(item)
        if isinstance(section, griffe.DocstringSectionParameters)
        for argument in section.value
    }


def _target(member: griffe.Object | griffe.Alias) -> griffe.Object:
    return member.final_target if isinstance(member, griffe.Alias) else member


def _rank(item: griffe.Object) -> int:
    kinds: Mapping[griffe.Kind, int] = {griffe.Kind.CLASS: 0, griffe.Kind.FUNCTION: 1}
    return kinds.get(item.kind, 2)


# -- pages -------------------------------------------------------------------------------------------------------------


def _index(shown: Mapping[str, list[Entry]]) -> str:
    parts = [
        "# API reference\n",
        "Every public name of the library, with its arguments. `make docs` writes these pages from the docstrings.\n"
        "How the constructs go together: [constructs.md](../constructs.md).\n",
        "| Name | Page | |\n|---|---|---|",
    ]
    rows = sorted((entry.name, page, _summary(entry.object)) for page, found in shown.items() for entry in found)
    parts += [f"| `{name}` | [{page}]({page}.md#{anchor(name)}) | {cell(summary)} |" for name, page, summary in rows]
    return "\n".join(parts) + "\n"


def _page(name: str, found: Iterable[Entry]) -> str:
    parts = [f"# {name}\n", "Written by `make docs` from the docstrings. All pages: [README.md](README.md).\n"]
    for entry in found:
        parts += _entry(entry)
    return "\n".join(parts)


def _entry(entry: Entry) -> Iterator[str]:
    item = entry.object
    yield f"## {entry.name}\n"
    yield f"```python\nfrom {entry.imported_from} import {entry.name}\n```\n"
    if isinstance(item, griffe.Class):
        yield from _class(entry.name, item)
    elif isinstance(item, griffe.Function):
        yield from _function(entry.name, item)
    elif isinstance(item, griffe.Attribute):
        yield f"```python\n{entry.name} = {_code(item.value)}\n```\n"
        yield from _described(item)


def _class(name: str, item: griffe.Class) -> Iterator[str]:
    bases = [str(base) for base in item.bases]
    if _is_called(item):
        yield f"```python\n{_signature(name, item)}\n```\n"
    yield from _described(item)
    if bases:
        yield f"Base: {', '.join(f'`{base}`' for base in bases)}.\n"
    given = {parameter.name for parameter in _parameters(item)} if _is_called(item) else set()
    own = [member for member in item.members.values() if member.is_public and not isinstance(member, griffe.Alias)]
    attributes = [member for member in own if isinstance(member, griffe.Attribute) and member.name not in given]
    if attributes:
        yield "| Attribute | Type | |\n|---|---|---|"
        is_enum = bool(_ENUMS & {base.rpartition(".")[2] for base in bases})
        for attribute in attributes:
            kind = f"`{cell(_kind(attribute, is_enum=is_enum))}`" if _kind(attribute, is_enum=is_enum) else ""
            yield f"| `{attribute.name}` | {kind} | {cell(_text(_docstring(attribute)))} |"
        yield ""
    for member in own:
        if isinstance(member, griffe.Function) and not member.is_special:
            yield f"### {name}.{member.name}\n"
            yield from _function(member.name, member)


def _function(name: str, item: griffe.Function) -> Iterator[str]:
    yield f"```python\n{_signature(name, item)}\n```\n"
    yield from _described(item)


def _described(item: griffe.Object) -> Iterator[str]:
    """The docstring, section by section."""
    for section in _sections(item):
        match section:
            case griffe.DocstringSectionText():
                yield f"{_text(section.value)}\n"
            case griffe.DocstringSectionParameters():
                yield "| Argument | |\n|---|---|"
                yield from (
                    f"| `{argument.name}` | {cell(_text(argument.description))} |" for argument in section.value
                )
                yield ""
            case griffe.DocstringSectionRaises():
                yield from (f"Raises `{error.annotation}` {_text(error.description)}\n" for error in section.value)
            case _:
                raise NotImplementedError(f"{item.path}: the section {section.kind.value} of its docstring")


# -- parts -------------------------------------------------------------------------------------------------------------


def _sections(item: griffe.Object) -> list[griffe.DocstringSection]:
    return item.docstring.parsed if item.docstring else []


def _docstring(item: griffe.Object) -> str:
    return item.docstring.value if item.docstring else ""


def _summary(item: griffe.Object) -> str:
    return _text(_docstring(item).partition("\n\n")[0])


def _is_called(item: griffe.Class | griffe.Function) -> bool:
    """Whether people call it themselves: not a protocol, and not an enumeration."""
    if isinstance(item, griffe.Function):
        return True
    bases = {str(base).rpartition(".")[2] for base in item.bases}
    return not bases & {*_ENUMS, "Protocol"} and bool(_parameters(item))


def _parameters(item: griffe.Class | griffe.Function) -> list[griffe.Parameter]:
    return [parameter for parameter in item.parameters if parameter.name not in {"self", "cls"}]


def _signature(name: str, item: griffe.Class | griffe.Function) -> str:
    parts, named = [], False
    for parameter in _parameters(item):
        if parameter.kind is griffe.ParameterKind.keyword_only and not named:
            parts.append("*")
            named = True
        text = {griffe.ParameterKind.var_positional: "*", griffe.ParameterKind.var_keyword: "**"}.get(
            parameter.kind or griffe.ParameterKind.positional_or_keyword, ""
        )
        text += parameter.name + (f": {parameter.annotation}" if parameter.annotation else "")
        is_given = parameter.default is not None and not text.startswith("*")
        parts.append(text + (f" = {_code(parameter.default)}" if is_given else ""))
    returns = f" -> {item.returns}" if isinstance(item, griffe.Function) and item.returns else ""
    line = f"{name}({', '.join(parts)}){returns}"
    if len(line) <= _ONE_LINE:
        return line
    return "\n".join([f"{name}(", *(f"    {part}," for part in parts), f"){returns}"])


def _kind(attribute: griffe.Attribute, *, is_enum: bool) -> str:
    """The type of an attribute; the value of an enumeration's member."""
    if attribute.annotation is not None:
        return str(attribute.annotation)
    if is_enum:
        return _code(attribute.value)
    # ``self.names = ReleaseNames(…)``
    return str(attribute.value.function) if isinstance(attribute.value, griffe.ExprCall) else ""


def _code(value: object) -> str:
    """An expression, with texts in double quotes as in the sources."""
    text = str(value)
    return f'"{text[1:-1]}"' if re.fullmatch(r"'[^'\"\\]*'", text) else text


def _text(text: str) -> str:
    """Markdown of a docstring: one backtick in place of two, and code in fences."""
    text = _LITERAL.sub(lambda match: f":\n\n```python\n{_dedented(match[1])}\n```", text.strip())
    return re.sub(r"``(.+?)``", r"`\1`", text)


def _dedented(code: str) -> str:
    return "\n".join(line.removeprefix("    ") for line in code.splitlines())
