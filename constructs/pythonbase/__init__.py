"""Constructs that free container builds from Docker Hub's pull limit and deliver services to ECS."""

from pythonbase.app_pipeline import AppPipeline
from pythonbase.base_image import DEFAULT_UPSTREAM, BaseImage
from pythonbase.base_image_reference import MOVING_TAG, BaseImageReference, IBaseImage
from pythonbase.bitbucket_source import BitbucketSource
from pythonbase.build_statuses import BITBUCKET_API, BuildStatuses
from pythonbase.docker_hub_check import DockerHubCheck
from pythonbase.network import Network
from pythonbase.pull_request_builds import PullRequestBuilds
from pythonbase.release import ReleaseNames, ReleaseState
from pythonbase.service_build import ServiceImage
from pythonbase.web_service import CONTAINER_NAME, LoadBalancing, TaskSize, WebService
from pythonbase_buildspecs import Mirror, SourcePolicy

__all__ = [
    "BITBUCKET_API",
    "CONTAINER_NAME",
    "DEFAULT_UPSTREAM",
    "MOVING_TAG",
    "AppPipeline",
    "BaseImage",
    "BaseImageReference",
    "BitbucketSource",
    "BuildStatuses",
    "DockerHubCheck",
    "IBaseImage",
    "LoadBalancing",
    "Mirror",
    "Network",
    "PullRequestBuilds",
    "ReleaseNames",
    "ReleaseState",
    "ServiceImage",
    "SourcePolicy",
    "TaskSize",
    "WebService",
]
