"""Constructs that free container builds from Docker Hub's pull limit and deliver services to ECS."""

from pythonbase.app_pipeline import AppPipeline, BitbucketSource
from pythonbase.base_image import DEFAULT_UPSTREAM, BaseImage
from pythonbase.base_image_reference import MOVING_TAG, BaseImageReference, IBaseImage
from pythonbase.connection_watch import ConnectionWatch
from pythonbase.docker_hub_check import DockerHubCheck
from pythonbase.network import Network
from pythonbase.release import ReleaseNames, ReleaseState
from pythonbase.web_service import CONTAINER_NAME, LoadBalancing, TaskSize, WebService
from pythonbase_buildspecs import Mirror, SourcePolicy

__all__ = [
    "CONTAINER_NAME",
    "DEFAULT_UPSTREAM",
    "MOVING_TAG",
    "AppPipeline",
    "BaseImage",
    "BaseImageReference",
    "BitbucketSource",
    "ConnectionWatch",
    "DockerHubCheck",
    "IBaseImage",
    "LoadBalancing",
    "Mirror",
    "Network",
    "ReleaseNames",
    "ReleaseState",
    "SourcePolicy",
    "TaskSize",
    "WebService",
]
