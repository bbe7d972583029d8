"""CodeBuild projects, and what their builds say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pythonbase_localcloud.testing.callers import allow, service_role, unique, wait_for
from pythonbase_localcloud.testing.cloud import Cloud

LOGS = allow("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")


class Project:
    """A build project without source."""

    def __init__(
        self, cloud: Cloud, *statements: Mapping[str, Any], trusted: str = "codebuild.amazonaws.com", **members: Any
    ) -> None:
        self.cloud = cloud
        self.client = cloud.client("codebuild")
        self.name = unique("project")
        self.role = service_role(cloud, trusted, LOGS, *statements)
        self.client.create_project(
            **{
                "name": self.name,
                "serviceRole": self.role,
                "artifacts": {"type": "NO_ARTIFACTS"},
                "source": {"type": "NO_SOURCE", "buildspec": build_spec()},
                "environment": {
                    "type": "LINUX_CONTAINER",
                    "computeType": "BUILD_GENERAL1_SMALL",
                    "image": "aws/codebuild/standard:7.0",
                },
                **members,
            }
        )

    def start(self, **members: Any) -> str:
        """Id of a new build."""
        return str(self.client.start_build(projectName=self.name, **members)["build"]["id"])

    def build(self, **members: Any) -> dict[str, Any]:
        """A build that has ended."""
        return self.ended(self.start(**members))

    def ended(self, build_id: str) -> dict[str, Any]:
        """The build once it has ended."""

        def over() -> dict[str, Any] | None:
            (build,) = self.client.batch_get_builds(ids=[build_id])["builds"]
            return build if build["buildComplete"] else None

        return wait_for(over, seconds=120)

    def log(self, build: Mapping[str, Any]) -> str:
        """The build's output."""
        events = self.cloud.client("logs").get_log_events(
            logGroupName=build["logs"]["groupName"], logStreamName=build["logs"]["streamName"], startFromHead=True
        )
        return "\n".join(event["message"] for event in events["events"])


def build_spec(*commands: str, **members: Any) -> str:
    return json.dumps({"version": "0.2", "phases": {"build": {"commands": list(commands) or ["true"]}}, **members})


def failed_contexts(build: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    return {
        phase["phaseType"]: (context["statusCode"], context["message"])
        for phase in build["phases"]
        for context in phase.get("contexts", [])
        if context.get("statusCode")
    }
