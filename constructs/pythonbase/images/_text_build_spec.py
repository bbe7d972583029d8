"""Passes a rendered buildspec to a CodeBuild project unchanged."""

from __future__ import annotations

from aws_cdk import aws_codebuild as codebuild
from constructs import Construct

from pythonbase_buildspecs import Buildspec


class TextBuildSpec(codebuild.BuildSpec):
    """A buildspec whose text reaches the template unchanged, comments included, so that ``cdk diff`` is readable."""

    def __init__(self, buildspec: Buildspec) -> None:
        super().__init__()
        self._text = buildspec.text

    @property
    def is_immediate(self) -> bool:
        """Whether the text is known at synthesis: always."""
        return True

    def to_build_spec(self, scope: Construct | None = None) -> str:  # noqa: ARG002 - the signature is CDK's
        """The text for the template."""
        return self._text
