"""Which images the build of a Dockerfile resolves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from pythonbase_buildspecs import ImageReference
from pythonbase_operations.adopt.directives import BOM, SYNTAX, syntax
from pythonbase_operations.adopt.instructions import Instructions, Source, read_instructions
from pythonbase_operations.adopt.model import Build, Builder, FileError, Reach, Use
from pythonbase_operations.adopt.spans import Place

_SCRATCH = "scratch"


@dataclass
class _Node:
    """A stage, or an image that a stage copies from, and what it needs."""

    image: Use | None = None
    triggers: list[Use] = field(default_factory=list)
    needs: list[_Node] = field(default_factory=list)
    base: _Node | None = None

    def all_needed(self) -> Iterator[_Node]:
        """What it needs directly."""
        yield from self.needs
        if self.base is not None:
            yield self.base


def images(data: bytes, build: Build) -> list[Use]:
    """Every image that a Dockerfile names, in the file's order.

    Raises:
        FileError: if the builder would refuse it.
    """
    frontend = syntax(data, builder=build.builder)
    uses = []
    if frontend is not None:
        word = frontend.value.split(" ")[0]
        place = Place(frontend.line, frontend.span)
        is_dockerfile = data.split(b"\n")[frontend.line - 1].removeprefix(BOM).startswith(b"#")
        uses.append(_use(SYNTAX if is_dockerfile else "syntax", word, word, place, reach=Reach.BUILT))
        if not is_dockerfile:
            return uses  # written for that frontend
    try:
        uses += _of_stages(read_instructions(data, build), build)
    except FileError as error:
        raise FileError(error.message, error.line, seen=tuple(uses)) from None
    return sorted(uses, key=lambda use: (use.line, use.span or (0, 0)))


def _of_stages(instructions: Instructions, build: Build) -> list[Use]:
    nodes = _graph(instructions, build)
    _refuse_circles(nodes)
    reached = _reachable(_target(nodes, build))
    uses = []
    for node in nodes.order:
        uses += node.triggers
        if node.image is not None:
            uses.append(replace(node.image, reach=Reach.BUILT if id(node) in reached else Reach.TARGET))
    return _once(uses)


def _once(uses: list[Use]) -> list[Use]:
    """Without duplicates: a trigger that this build also runs is a use of the build."""
    found: dict[tuple[int, str, str], Use] = {}
    for use in uses:
        key = (use.line, use.place, use.written)
        if key not in found or use.reach is Reach.BUILT:
            found[key] = use
    return list(found.values())


@dataclass
class _Nodes:
    """Nodes in the builder's order, the number of stages among them, and stages by name: the last one of each name."""

    order: list[_Node] = field(default_factory=list)
    stages: int = 0
    named: dict[str, _Node] = field(default_factory=dict)


def _graph(instructions: Instructions, build: Build) -> _Nodes:
    nodes = _Nodes()
    for stage in instructions.stages:
        node = _Node()
        if stage.base in nodes.named:
            node.base = nodes.named[stage.base]
        elif stage.base != _SCRATCH:
            node.image = _use("FROM", stage.written, stage.base, stage.place)
        nodes.order.append(node)
        if stage.name:
            nodes.named[stage.name] = node
    nodes.stages = len(nodes.order)
    for node, stage in zip(tuple(nodes.order), instructions.stages, strict=True):
        for source in stage.sources:
            if source.is_trigger:
                node.triggers += _trigger(source, nodes)
            else:
                node.needs.append(_needed(source, nodes))
    if build.builder is Builder.DOCKER_28:
        _run_triggers(nodes)
    return nodes


def _needed(source: Source, nodes: _Nodes) -> _Node:
    """The node that an instruction takes files from. If it is not a stage, it is appended, as in the builder."""
    name = source.name
    if source.instruction.startswith("COPY") and _is_number(name):
        if not 0 <= int(name) < len(nodes.order):
            raise FileError(f"{source.instruction}={name}: there is no such stage", source.place.line)
        return nodes.order[int(name)]
    stage = nodes.named.get(name.lower())
    if stage is not None:
        return stage
    image = None if name == _SCRATCH else _use(source.instruction, name, name, source.place)
    node = _Node(image=image)
    nodes.order.append(node)
    return node


def _trigger(source: Source, nodes: _Nodes) -> list[Use]:
    """The image that builds from this image take files from. The name of a stage here is taken as a stage there."""
    name = source.name
    if _is_number(name) or name.lower() in nodes.named or name == _SCRATCH:
        return []
    try:
        return [_use(f"ONBUILD {source.instruction}", name, name, source.place, reach=Reach.TRIGGER)]
    except FileError:
        return []  # the builder checks the name only when the trigger runs


def _run_triggers(nodes: _Nodes) -> None:
    """Triggers of a stage run in the stages that start from it."""
    for node in tuple(nodes.order):
        for use in node.base.triggers if node.base else ():
            # The builder resolves the image for the stage that the trigger runs in, and again in builds from the image.
            node.needs.append(_Node(image=use))
            nodes.order.append(node.needs[-1])


def _use(place: str, written: str, name: str, where: Place, *, reach: Reach = Reach.TARGET) -> Use:
    try:
        reference = ImageReference.parse(name)
    except ValueError:
        shown = written if written == name else f"{written} is {name}, which"
        raise FileError(f"{place} {shown} is not an image reference", where.line) from None
    return Use(line=where.line, place=place, written=written, reference=reference, reach=reach, span=where.span)


def _target(nodes: _Nodes, build: Build) -> _Node:
    if build.target is None:
        return nodes.order[nodes.stages - 1]
    try:
        return nodes.named[build.target.lower()]
    except KeyError:
        raise FileError(f"there is no stage {build.target}") from None


def _reachable(target: _Node) -> set[int]:
    seen: set[int] = set()
    waiting = [target]
    while waiting:
        node = waiting.pop()
        if id(node) not in seen:
            seen.add(id(node))
            waiting.extend(node.all_needed())
    return seen


def _refuse_circles(nodes: _Nodes) -> None:
    """BuildKit refuses cycles in all stages, also in those that it does not build."""
    done: set[int] = set()
    for start in nodes.order:
        path: list[tuple[_Node, Iterator[_Node]]] = [(start, start.all_needed())]
        open_nodes = {id(start)}
        while path:
            node, rest = path[-1]
            following = next((other for other in rest if id(other) not in done), None)
            if following is None:
                path.pop()
                open_nodes.discard(id(node))
                done.add(id(node))
            elif id(following) in open_nodes:
                raise FileError("stages that depend on each other")
            else:
                path.append((following, following.all_needed()))
                open_nodes.add(id(following))


def _is_number(text: str) -> bool:
    return text.removeprefix("-").removeprefix("+").isdecimal()
