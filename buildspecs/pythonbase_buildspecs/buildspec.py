"""The value that every buildspec of this project is."""

from __future__ import annotations

from dataclasses import dataclass

_FIRST_LINE = "version: 0.2"
_MOST_CHARACTERS = 25_600  # of a buildspec inside a project: aws-cdk#14974


@dataclass(frozen=True)
class Buildspec:
    """Text of a CodeBuild buildspec.

    Invariant: the text is version 0.2 (variables reach the next command), ASCII, short enough for a project, has no
    placeholder left, and carries no CDK token, because CDK would turn a token inside the text into ``Fn::Join`` and
    break the shell code around it. Values that are known only at deployment reach a build as environment variables.

    Raises:
        ValueError: if the text breaks the invariant.
    """

    text: str

    def __post_init__(self) -> None:
        if self.text.splitlines()[:1] != [_FIRST_LINE]:
            raise ValueError(f"a buildspec must start with {_FIRST_LINE!r}, got {self.text[:40]!r}")
        if "%{" in self.text:
            start = self.text.index("%{")
            raise ValueError(f"placeholder left in the buildspec: {self.text[start : start + 40]!r}")
        if not self.text.isascii():
            raise ValueError("a buildspec must be ASCII: CloudFormation gives templates back with ? for the rest")
        if len(self.text) > _MOST_CHARACTERS:
            raise ValueError(f"a buildspec may have {_MOST_CHARACTERS} characters, got {len(self.text)}")
        if "${Token[" in self.text:
            raise ValueError("a CDK token in a buildspec cannot be resolved: pass the value as an environment variable")
