"""Reads a Dockerfile into stages, with the builder's own parser.

The parser (https://github.com/asottile/dockerfile, BuildKit's in a Python package) splits a file into instructions.
This module repeats the checks that BuildKit does afterwards, and finds the words that are images.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import dockerfile

from pythonbase_operations.adopt import spans
from pythonbase_operations.adopt.directives import escape_character, with_escape_first
from pythonbase_operations.adopt.model import Build, Builder, FileError
from pythonbase_operations.adopt.spans import Lines, Place
from pythonbase_operations.adopt.words import WordError, expand

_INSTRUCTIONS = frozenset(dockerfile.all_cmds())
_STAGE_NAME = re.compile(r"[a-z][a-z0-9._-]*")
_PLATFORM = re.compile(r"[A-Za-z0-9_-]+(?:\([A-Za-z0-9_.-]*\))?(?:/[A-Za-z0-9_-]+){0,2}")
_NOT_TRIGGERS = frozenset({"onbuild", "from", "maintainer"})
_NAMED_STAGE = 3  # words after FROM: image, AS, name


@dataclass(frozen=True, kw_only=True)
class Source:
    """An image or a stage that an instruction other than ``FROM`` takes files from.

    Args:
        instruction: ``COPY --from`` or ``RUN --mount=from``.
        name: The image or stage.
        place: Where it is named.
        is_trigger: Whether it is in an ``ONBUILD`` instruction.
    """

    instruction: str
    name: str
    place: Place
    is_trigger: bool = False


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stage.

    Args:
        line: Where its instruction begins.
        name: Its name in lower case, if it has one.
        written: Its base as written in the file.
        base: Its base with variables replaced.
        place: Where the base is named.
        sources: What its instructions take files from.
    """

    line: int
    name: str | None
    written: str
    base: str
    place: Place
    sources: list[Source] = field(default_factory=list)


@dataclass(frozen=True)
class Instructions:
    """A Dockerfile.

    Args:
        arguments: Names that ``ARG`` declares before the first stage.
        stages: The stages.
    """

    arguments: frozenset[str]
    stages: tuple[Stage, ...]


def read_instructions(data: bytes, build: Build) -> Instructions:
    """Read a Dockerfile.

    Raises:
        FileError: if the builder would refuse it.
    """
    reader = _Reader(data, build)
    for command in _parse(with_escape_first(data, builder=build.builder)):
        reader.read(command)
    if not reader.stages:
        raise FileError("a Dockerfile without FROM")
    return Instructions(frozenset(reader.declared), tuple(reader.stages))


def _parse(data: bytes) -> tuple[dockerfile.Command, ...]:
    if not data:
        raise FileError("an empty Dockerfile")
    try:
        # The parser takes text. Only comments and values can contain bytes that are not UTF-8.
        return tuple(dockerfile.parse_string(data.decode(errors="replace")))
    except dockerfile.GoParseError as error:
        raise FileError(" ".join(str(error).split())) from None


class _Reader:
    """Reads the instructions of one Dockerfile in order."""

    def __init__(self, data: bytes, build: Build) -> None:
        self.stages: list[Stage] = []
        self.declared: set[str] = set()
        self._build = build
        self._escape = escape_character(data, builder=build.builder)
        self._lines = Lines(data, self._escape)
        self._variables = dict(_platform_variables(build))

    def read(self, command: dockerfile.Command) -> None:
        """Read one instruction.

        Raises:
            FileError: if BuildKit refuses it.
        """
        name, line = command.cmd.lower(), command.start_line
        if name not in _INSTRUCTIONS:
            raise FileError(f"unknown instruction {command.cmd}", line)
        if name == "from":
            self.stages.append(self._stage(command))
        elif not self.stages:
            if name != "arg":
                raise FileError(f"{command.cmd.upper()} before the first FROM", line)
            self._declare(command)
        elif name == "onbuild":
            self._trigger(command)
        else:
            self._check_arguments(command)
            self.stages[-1].sources.extend(self._sources(command, command))

    def _words(self, command: dockerfile.Command) -> list[spans.Word]:
        return self._lines.words(command.start_line, command.end_line)

    def _declare(self, command: dockerfile.Command) -> None:
        self._check_arguments(command)
        for argument in command.value:
            name, equals, value = argument.partition("=")
            self.declared.add(name)
            if name in self._build.arguments:
                self._variables[name] = self._build.arguments[name]
            elif equals:
                self._variables[name] = self._default(value, command.start_line)
            elif self._build.builder is Builder.DOCKER_26:
                self._variables[name] = ""

    def _default(self, value: str, line: int) -> str:
        if self._build.builder is Builder.DOCKER_26:
            try:
                return expand(value, self._variables, escape=self._escape)
            except WordError:
                return ""  # Docker 26 continues without the value
        return self._expand(value, line)

    def _expand(self, word: str, line: int, variables: Mapping[str, str] | None = None) -> str:
        try:
            return expand(word, self._variables if variables is None else variables, escape=self._escape)
        except WordError as error:
            raise FileError(str(error), line) from None

    def _check_arguments(self, command: dockerfile.Command) -> None:
        if command.cmd.lower() == "arg" and any(argument.startswith("=") for argument in command.value):
            raise FileError("ARG without a name", command.start_line)

    def _stage(self, command: dockerfile.Command) -> Stage:
        line, words = command.start_line, command.value
        is_named = len(words) == _NAMED_STAGE and words[1].lower() == "as"
        if not is_named and len(words) != 1:
            raise FileError("FROM takes an image, or an image, AS and a name", line)
        name = words[2].lower() if is_named else None
        if name is not None and not _STAGE_NAME.fullmatch(name):
            raise FileError(f"{words[2]} is not a valid name of a stage", line)
        image = self._expand(words[0], line)
        if not image:
            raise FileError(f"FROM {words[0]} is empty: its variable has no value", line)
        for flag in _values(command, "platform"):
            platform = self._expand(flag, line)
            if not _PLATFORM.fullmatch(platform):
                raise FileError(f"--platform={flag} is not a platform", line)
        place = spans.base(self._words(command), words[0]) or Place(line, None)
        return Stage(line=line, name=name, written=words[0], base=image, place=place)

    def _trigger(self, command: dockerfile.Command) -> None:
        inner = (command.sub_cmd or "").lower()
        if inner in _NOT_TRIGGERS:
            raise FileError(f"{command.sub_cmd} is not allowed after ONBUILD", command.start_line)
        # The parser returns no flags of the instruction after ONBUILD, so that instruction is parsed again.
        _, _, rest = command.original.partition(command.sub_cmd or "")
        (instruction,) = _parse(f"{inner}{rest}".encode(errors="replace"))[:1]
        sources = self._sources(instruction, command)
        self.stages[-1].sources.extend(
            Source(instruction=source.instruction, name=source.name, place=source.place, is_trigger=True)
            for source in sources
            if "$" not in source.name
        )

    def _sources(self, command: dockerfile.Command, written: dockerfile.Command) -> list[Source]:
        """What an instruction takes files from. ``written`` is the whole instruction: the same, or its ONBUILD."""
        name, first = command.cmd.lower(), written.start_line
        if name == "add" and _values(command, "from"):
            raise FileError("ADD has no --from", first)
        if name == "copy":
            kind, names = "COPY --from", _values(command, "from")
            if len(names) > 1:
                raise FileError("COPY has --from twice", first)
        elif name == "run":
            kind, names = "RUN --mount=from", _mounted(command)
        else:
            return []
        names = [found for found in names if found]
        if command is written and any("$" in found for found in names):
            raise FileError(f"{kind} takes no variables", first)
        places = spans.flags(self._words(written), names) if names else []
        return [
            Source(instruction=kind, name=found, place=place or Place(first, None))
            for found, place in zip(names, places, strict=True)
        ]


def _values(command: dockerfile.Command, flag: str) -> list[str]:
    return [text.partition("=")[2] for text in command.flags if text.partition("=")[0] == f"--{flag}"]


def _mounted(command: dockerfile.Command) -> list[str]:
    """Values of ``from`` in ``--mount``, which is a row of comma-separated values."""
    found = []
    for value in _values(command, "mount"):
        for field_text in next(csv.reader([value]), []):
            key, _, name = field_text.partition("=")
            if key.lower() == "from":
                found.append(name)
    return found


def _platform_variables(build: Build) -> Mapping[str, str]:
    """Arguments that every Dockerfile can use in FROM without declaring them."""
    values = {
        "PLATFORM": f"linux/{build.architecture}",
        "OS": "linux",
        "OSVERSION": "",
        "ARCH": build.architecture,
        "VARIANT": "",
    }
    variables = {f"{side}{name}": value for side in ("BUILD", "TARGET") for name, value in values.items()}
    for name in variables.keys() & build.arguments.keys():
        variables[name] = build.arguments[name]
    if build.builder is Builder.DOCKER_28:
        variables["TARGETSTAGE"] = build.target or "default"
    return variables
