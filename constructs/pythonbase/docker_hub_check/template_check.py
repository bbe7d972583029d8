"""Finds what one template pulls from Docker Hub."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pythonbase.docker_hub_check import buildspec_scan, image_positions, kubernetes_manifest
from pythonbase.docker_hub_check.finding import Finding, rule_for
from pythonbase.docker_hub_check.holes import HOLE, Holes
from pythonbase.docker_hub_check.resolver import Resolver
from pythonbase.docker_hub_check.verdict import Verdict, decide

_PROJECT = "AWS::CodeBuild::Project"
_MANIFESTS: Mapping[str, tuple[str, ...]] = {
    "Custom::AWSCDK-EKS-KubernetesResource": ("Manifest",),
    "Custom::AWSCDK-EKS-KubernetesPatch": ("ApplyPatchJson", "RestorePatchJson"),
}


def check_template(path: Path) -> Iterator[Finding]:
    """The findings of a template, each once per property.

    Args:
        path: The template, JSON.
    """
    template = json.loads(path.read_text(encoding="utf-8"))
    holes = Holes()
    resolver = Resolver(template, holes)
    for logical_id, resource in template.get("Resources", {}).items():
        found = {
            (location, rule)
            for location, text in _images(resource.get("Type", ""), resource.get("Properties", {}), resolver, holes)
            if (rule := rule_for(decide(text), holes))
        }
        for location, rule in sorted(found, key=lambda item: (item[0], item[1].id)):
            yield Finding(rule, path, logical_id, location)


def _images(resource_type: str, properties: Any, resolver: Resolver, holes: Holes) -> Iterator[tuple[str, str]]:
    """Location and text of every image that a resource names."""
    yield from image_positions.images(resource_type, properties, resolver)
    if resource_type == _PROJECT:
        yield from _in_buildspec(properties.get("Source", {}), resolver, holes)
    for name in _MANIFESTS.get(resource_type, ()):
        yield from _in_manifest(f"Properties.{name}", properties.get(name), resolver, holes)


def _in_buildspec(source: Any, resolver: Resolver, holes: Holes) -> Iterator[tuple[str, str]]:
    location = "Properties.Source.BuildSpec"
    for structure in resolver.structures(source):
        for text in resolver.texts(structure.get("BuildSpec", "")):
            if HOLE.fullmatch(text):
                yield location, text
            for image in buildspec_scan.images(text, holes.hole):
                # Unknown only because of shell variables, which the scan does not follow.
                hidden = all(holes.label(hole).startswith("$") for hole in HOLE.findall(image)) and HOLE.search(image)
                if image.startswith(image_positions.NOT_PULLED[_PROJECT]):
                    continue
                if not (hidden and decide(image).verdict is Verdict.CANNOT_TELL):
                    yield location, image


def _in_manifest(location: str, value: Any, resolver: Resolver, holes: Holes) -> Iterator[tuple[str, str]]:
    if value is None:
        return
    for text in resolver.texts(value):
        try:
            for image in kubernetes_manifest.images(text):
                yield location, image
        except ValueError:
            yield location, text if HOLE.fullmatch(text) else holes.hole("a manifest that is no JSON")
