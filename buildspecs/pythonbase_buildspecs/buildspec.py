"""The class of every buildspec in this project."""

from __future__ import annotations

from dataclasses import dataclass

_FIRST_LINE = "version: 0.2"
_MOST_CHARACTERS = 25_600  # limit of a buildspec inside a project: aws-cdk#14974


@dataclass(frozen=True)
class Buildspec:
    """A CodeBuild buildspec, and the shell script that its commands run.

    CodeBuild prints each command before it runs it, and again if it fails: a script in the text would hide the reason.
    The build gets the script as a file (``BUILD_SCRIPT``, its address in S3).

    Invariant: the text has version 0.2 (commands share variables), is ASCII, is short enough for a project. Text and
    script contain no placeholder and no CDK token: CDK would replace a token with ``Fn::Join``, which breaks the shell
    code around it. Pass values that are known only at deployment as environment variables.

    Args:
        text: The buildspec.
        script: The script, in Bash. Default: empty, the buildspec runs none.

    Raises:
        ValueError: if the text or the script breaks the invariant.
    """

    text: str
    script: str = ""

    def __post_init__(self) -> None:
        if self.text.splitlines()[:1] != [_FIRST_LINE]:
            raise ValueError(f"a buildspec must start with {_FIRST_LINE!r}, got {self.text[:40]!r}")
        for content in (self.text, self.script):
            if "%{" in content:
                start = content.index("%{")
                raise ValueError(f"placeholder left in the buildspec: {content[start : start + 40]!r}")
            if "${Token[" in content:
                raise ValueError(
                    "a CDK token in a buildspec cannot be resolved: pass the value as an environment variable"
                )
        if not self.text.isascii():
            raise ValueError("a buildspec must be ASCII: CloudFormation gives templates back with ? for the rest")
        if len(self.text) > _MOST_CHARACTERS:
            raise ValueError(f"a buildspec may have {_MOST_CHARACTERS} characters, got {len(self.text)}")
