"""Refuses, at synthesis, what would be pulled from Docker Hub when the application runs or builds."""

from pythonbase.docker_hub_check.finding import cannot_tell
from pythonbase.docker_hub_check.plugin import DockerHubCheck

__all__ = ["DockerHubCheck", "cannot_tell"]
