"""A stand-in for Docker Hub, and for other registries that do not answer, inside the box: a real registry behind a
limiter that counts pulls as Docker Hub does.

`control(instance)` is the way to it from outside the box: counts, limits, outages, and images to publish.
"""

from __future__ import annotations

from pythonbase_localcloud.docker_hub.control import Control, ControlError, Request, control
from pythonbase_localcloud.docker_hub.names import ADDRESS, API_HOST, HOSTS, PASSWORD, USER

__all__ = ["ADDRESS", "API_HOST", "HOSTS", "PASSWORD", "USER", "Control", "ControlError", "Request", "control"]
