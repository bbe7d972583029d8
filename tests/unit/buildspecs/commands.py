"""The shell code of rendered buildspecs, for the tests beside this module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from pythonbase_buildspecs import Buildspec


def document(buildspec: Buildspec) -> Mapping[str, Any]:
    """The buildspec as CodeBuild reads it."""
    loaded: Mapping[str, Any] = yaml.safe_load(buildspec.text)
    return loaded


def commands(buildspec: Buildspec) -> list[str]:
    """Every command of every phase, in the order in which CodeBuild runs them."""
    return [command for phase in document(buildspec)["phases"].values() for command in phase["commands"]]
