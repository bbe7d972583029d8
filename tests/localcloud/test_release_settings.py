"""Deployment alarms and notifications of a service, deployed by the real CLI and seen at work at a release."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pythonbase_localcloud.testing.callers import wait_for
from pythonbase_localcloud.testing.topics import Topic

if TYPE_CHECKING:
    from pythonbase_localcloud.testing.cloud import Cloud
    from tests.localcloud.conftest import Platform

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("platform", order=6)]


@pytest.fixture
def topic(cloud: Cloud) -> Topic:
    return Topic(cloud)


@pytest.fixture
def deployed(platform: Platform, topic: Topic, tmp_path: Path) -> Iterator[Platform]:
    """The demo's service with alarms and notifications; afterwards as it was."""
    settings = platform.config.read_text()
    assert settings.rstrip().endswith("port: 8080"), "the lines below belong to the service at the end of the file"
    (tmp_path / "images").symlink_to(platform.config.parent / "images")
    config = tmp_path / "platform.yaml"
    config.write_text(
        f"{settings.rstrip()}\n    deployment: {{alarms: [latency], server_errors: 5}}\n"
        f"notifications: {{topic: '{topic.arn}'}}\n"
    )
    platform.cloud.cdk("deploy", "Hello", "--exclusively", "--require-approval", "never", config=config)
    yield platform
    platform.cloud.cdk("deploy", "Hello", "--exclusively", "--require-approval", "never", config=platform.config)


def test_a_release_with_alarms_is_told_to_the_topic(deployed: Platform, topic: Topic, tmp_path: Path) -> None:
    cloud = deployed.cloud
    (service,) = cloud.client("ecs").describe_services(cluster=deployed.cluster, services=["hello"])["services"]
    alarms = service["deploymentConfiguration"]["alarms"]
    assert (alarms["enable"], alarms["rollback"]) == (True, True)
    assert alarms["alarmNames"][0] == "latency"
    (own,) = cloud.client("cloudwatch").describe_alarms(AlarmNames=alarms["alarmNames"][1:])["MetricAlarms"]
    assert (own["Threshold"], own["MetricName"]) == (5, "100 * errors / requests")
    assert deployed.get()

    def note(clone: Path) -> None:
        (clone / "note").write_text("released")

    commit = deployed.push(tmp_path, note, message="a note")
    assert deployed.wait_for_end(commit)["status"] == "Succeeded"
    wait_for(lambda: ("Pipeline", "SUCCEEDED") in topic.states())
    told = [message["detail"]["pipeline"] for message in topic.messages]
    assert set(told) == {"hello"}
