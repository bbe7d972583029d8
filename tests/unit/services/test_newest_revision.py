"""The decisions of the handler between a task definition and its service. Its run: tests/localcloud."""

from __future__ import annotations

from typing import Any

from pythonbase.releases.steps.look import TEMPLATE_TAG
from pythonbase.releases.steps.register import _REGISTERED
from pythonbase.services.handlers.newest_revision import index

DEFINITION: dict[str, Any] = {
    "taskDefinitionArn": "arn:td:7",
    "revision": 7,
    "status": "ACTIVE",
    "family": "orders",
    "cpu": "256",
    "containerDefinitions": [{"name": "app", "image": "old@sha256:1"}, {"name": "sidecar", "image": "kept"}],
}


def test_it_registers_what_a_release_registers() -> None:
    assert [name[0].lower() + name[1:] for name in _REGISTERED] == list(index._REGISTERED)
    assert index.TEMPLATE_TAG == TEMPLATE_TAG


def test_the_templates_content_gets_the_released_image_in_the_services_container() -> None:
    wanted = index._with_image(DEFINITION, "app", "orders@sha256:2")
    assert wanted == {
        "family": "orders",
        "cpu": "256",
        "containerDefinitions": [{"name": "app", "image": "orders@sha256:2"}, {"name": "sidecar", "image": "kept"}],
    }
    assert DEFINITION["containerDefinitions"][0]["image"] == "old@sha256:1"


def test_before_the_first_release_the_templates_own_image_stays() -> None:
    wanted = index._with_image(DEFINITION, "app", "pythonbase:latest")
    assert wanted == index._content(DEFINITION)
