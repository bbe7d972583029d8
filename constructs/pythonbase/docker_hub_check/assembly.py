"""Reads the cloud assembly: templates, including nested ones, and which construct created which resource.

Its format: https://github.com/aws/aws-cdk-cli/tree/main/packages/%40aws-cdk/cloud-assembly-schema
Reading these files takes milliseconds; reading the construct tree through jsii takes seconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

_ACKNOWLEDGED, _LOGICAL_ID, _TEMPLATE = "aws:cdk:acknowledged-rules", "aws:cdk:logicalId", "aws:cdk:templateFile"


@dataclass(frozen=True)
class SynthesizedStack:
    """A stack in a cloud assembly, with the stacks nested in it.

    Args:
        template: Path of its template.
    """

    template: Path

    @cached_property
    def templates(self) -> list[Path]:
        """Its own template and those of nested stacks."""
        names = {name for name in self._values(_TEMPLATE).values() if isinstance(name, str)}
        return [self.template, *sorted(self.template.with_name(name) for name in names - {self.template.name})]

    @cached_property
    def acknowledged(self) -> dict[str, set[str]]:
        """Construct path to the ids that are acknowledged there."""
        return {path: set(ids) for path, ids in self._values(_ACKNOWLEDGED).items()}

    @cached_property
    def construct_paths(self) -> dict[tuple[str, str], str]:
        """Name of the template and logical id to construct path."""
        stacks = self._values(_TEMPLATE)
        return {
            (next((stacks[above] for above in ancestry(path) if above in stacks), self.template.name), logical_id): path
            for path, logical_id in self._values(_LOGICAL_ID).items()
        }

    def _values(self, kind: str) -> dict[str, Any]:
        """Construct path to its metadata of this kind; several entries are merged."""
        values: dict[str, Any] = {}
        for path, entries in self._metadata.items():
            for entry in entries:
                if entry["type"] == kind:
                    data, name = entry["data"], path.removeprefix("/")
                    values[name] = {**values.get(name, {}), **data} if isinstance(data, dict) else data
        return values

    @cached_property
    def _metadata(self) -> Mapping[str, list[dict[str, Any]]]:
        manifest = json.loads(self.template.with_name("manifest.json").read_text(encoding="utf-8"))
        for artifact in manifest["artifacts"].values():
            if artifact.get("properties", {}).get("templateFile") == self.template.name:
                more = artifact.get("additionalMetadataFile")
                other = json.loads(self.template.with_name(more).read_text(encoding="utf-8")) if more else {}
                return {**artifact.get("metadata", {}), **other}
        return {}


def ancestry(path: str) -> Iterator[str]:
    """A construct path and those of its ancestors, ``""`` for the app last."""
    while path:
        yield path
        path = path.rpartition("/")[0]
    yield ""
