"""The box's Docker engine."""

from __future__ import annotations

import importlib
from typing import Any

from pythonbase_localcloud.aws.settings import Settings

# The library has no type information.
_docker: Any = importlib.import_module("docker")
EngineError: type[Exception] = _docker.errors.APIError


def connect(settings: Settings) -> Any:
    """A client of the engine; its calls may take minutes (pulls)."""
    return _docker.DockerClient(base_url=settings.docker_host, timeout=180)
