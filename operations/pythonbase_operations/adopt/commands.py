"""Images in commands that call ``docker``."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from pythonbase_operations.adopt.model import Unknown, Use
from pythonbase_operations.adopt.names import is_image_context, named

_SEPARATORS = re.compile(r"[;&|()]+")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_BEFORE_A_COMMAND = frozenset(
    ["sudo", "time", "exec", "env", "if", "then", "else", "elif", "do", "while", "until", "!", "{"]
)
_ENGINES = frozenset({"docker", "podman"})
_GROUPS = frozenset({"container", "image", "buildx", "builder"})
# Options without a value: https://docs.docker.com/reference/cli/docker/container/run/ and …/image/pull/
_FLAGS = frozenset(
    [
        "--all-tags",
        "--debug",
        "--detach",
        "--disable-content-trust",
        "--init",
        "--interactive",
        "--no-healthcheck",
        "--oom-kill-disable",
        "--privileged",
        "--publish-all",
        "--quiet",
        "--read-only",
        "--rm",
        "--sig-proxy",
        "--tls",
        "--tlsverify",
        "--tty",
        "--use-api-socket",
    ]
)
_FLAG_LETTERS = "adiqtDP"
_LETTERS_WITH_VALUE_IN_RUN = "a"  # docker run --attach; docker pull --all-tags


def images(script: str, *, line: int) -> tuple[list[Use | Unknown | None], list[str]]:
    """Images and Dockerfiles that a script names.

    Args:
        script: Shell commands, one or more lines.
        line: Number of the first line.
    """
    found: list[Use | Unknown | None] = []
    dockerfiles: list[str] = []
    for number, words in _commands(script):
        group = words[0] if words[0] in _GROUPS else ""
        rest = words[1:] if group else words
        if not rest:
            continue
        action, arguments = rest[0], rest[1:]
        if action in ("pull", "run", "create"):
            image = _operand(arguments, running=action != "pull")
            if image:
                found.append(named(image, line=line + number, place=f"docker {action}"))
        elif action in ("build", "b"):
            for option, value in _options(arguments):
                if option in ("-f", "--file") and "$" not in value and value != "-":
                    dockerfiles.append(value)
                context = value.partition("=")[2]
                if option == "--build-context" and is_image_context(context):
                    found.append(named(context, line=line + number, place="docker build --build-context"))
    return found, dockerfiles


def _commands(script: str) -> Iterator[tuple[int, list[str]]]:
    """The arguments of each ``docker`` call, with their line number, counted from 0."""
    number = 0
    for text, lines in _joined(script):
        for words in _simple_commands(text):
            program = _without_prefixes(words)
            if program and program[0].rsplit("/", 1)[-1] in _ENGINES:
                rest = _behind_options(program[1:])
                if rest:
                    yield number, rest
        number += lines


def _without_prefixes(words: list[str]) -> list[str]:
    """A command without the words before its program, such as ``sudo`` and its options, or ``NAME=value``."""
    rest, behind_prefix = words, False
    while rest and (
        rest[0] in _BEFORE_A_COMMAND or _ASSIGNMENT.match(rest[0]) or (behind_prefix and rest[0].startswith("-"))
    ):
        rest, behind_prefix = rest[1:], True
    return rest


def _joined(script: str) -> Iterator[tuple[str, int]]:
    """Lines, joined where a backslash continues them, each with the number of lines it had."""
    text, count = "", 0
    for line in script.split("\n"):
        count += 1
        if line.endswith("\\"):
            text += line[:-1] + " "
            continue
        yield text + line, count
        text, count = "", 0
    if count:
        yield text, count


def _simple_commands(text: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(text.replace("$(", "( "), posix=True, punctuation_chars=";&|()")
    lexer.commenters = "#"
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:
        # a quoted text that continues on another line
        words = re.sub(r"([;&|()]+)", r" \1 ", text).replace('"', " ").replace("'", " ").split()
    command: list[str] = []
    for word in words:
        if _SEPARATORS.fullmatch(word):
            yield command
            command = []
        else:
            command.append(word)
    yield command


def _behind_options(words: list[str]) -> list[str]:
    """The words after the global options of ``docker``."""
    operand = _operand_index(words, running=True)
    return words[operand:] if operand is not None else []


def _operand(words: list[str], *, running: bool) -> str | None:
    index = _operand_index(words, running=running)
    return words[index] if index is not None else None


def _operand_index(words: list[str], *, running: bool) -> int | None:
    """The first word that is neither an option nor an option's value."""
    skip = False
    for index, word in enumerate(words):
        if skip:
            skip = False
        elif word == "--":
            return index + 1 if index + 1 < len(words) else None
        elif word.startswith("--"):
            skip = "=" not in word and word not in _FLAGS
        elif word.startswith("-") and len(word) > 1:
            skip = _wants_value(word[1:], running=running)
        else:
            return index
    return None


def _wants_value(letters: str, *, running: bool) -> bool:
    """Whether the value of combined short options is the next word."""
    for position, letter in enumerate(letters):
        takes_value = letter not in _FLAG_LETTERS or (running and letter in _LETTERS_WITH_VALUE_IN_RUN)
        if takes_value:
            return position == len(letters) - 1
    return False


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    """Options with values, written with an equals sign or a space."""
    for index, word in enumerate(words):
        option, equals, value = word.partition("=")
        if equals and word.startswith("--"):
            yield option, value
        elif word.startswith("-") and index + 1 < len(words):
            yield word, words[index + 1]
