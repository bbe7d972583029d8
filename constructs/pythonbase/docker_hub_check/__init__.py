"""Fails the synthesis of an app that would pull from Docker Hub when it runs or builds."""

from pythonbase.docker_hub_check.finding import cannot_tell
from pythonbase.docker_hub_check.plugin import DockerHubCheck

__all__ = ["DockerHubCheck", "cannot_tell"]
