"""Constructs that free container builds from Docker Hub's pull limit and deliver services to ECS."""

from pythonbase.app_pipeline import AppPipeline
from pythonbase.artifact_bucket import ArtifactBucket
from pythonbase.base_image import DEFAULT_UPSTREAM, BaseImage
from pythonbase.base_image_reference import MOVING_TAG, BaseImageReference, IBaseImage
from pythonbase.bitbucket_source import BitbucketSource
from pythonbase.build_queue_watch import BuildQueueWatch
from pythonbase.build_statuses import BITBUCKET_API, BuildStatuses
from pythonbase.connection_watch import ConnectionWatch
from pythonbase.deployment import Deployment, DeploymentStrategy
from pythonbase.docker_hub_check import DockerHubCheck
from pythonbase.failure_alarms import FailureAlarms
from pythonbase.network import Network
from pythonbase.pull_request_builds import PullRequestBuilds
from pythonbase.release import ReleaseNames, ReleaseParameters, ReleaseRepository, ReleaseState
from pythonbase.release_machine import ReleaseMachine
from pythonbase.release_notifications import ReleaseNotifications
from pythonbase.release_stage import ReleaseStage
from pythonbase.release_starter import ReleaseStarter
from pythonbase.service_build import ServiceImage
from pythonbase.web_service import CONTAINER_NAME, LoadBalancing, TaskSize, WebService
from pythonbase_buildspecs import Mirror, SourcePolicy

__all__ = [
    "BITBUCKET_API",
    "CONTAINER_NAME",
    "DEFAULT_UPSTREAM",
    "MOVING_TAG",
    "AppPipeline",
    "ArtifactBucket",
    "BaseImage",
    "BaseImageReference",
    "BitbucketSource",
    "BuildQueueWatch",
    "BuildStatuses",
    "ConnectionWatch",
    "Deployment",
    "DeploymentStrategy",
    "DockerHubCheck",
    "FailureAlarms",
    "IBaseImage",
    "LoadBalancing",
    "Mirror",
    "Network",
    "PullRequestBuilds",
    "ReleaseMachine",
    "ReleaseNames",
    "ReleaseNotifications",
    "ReleaseParameters",
    "ReleaseRepository",
    "ReleaseStage",
    "ReleaseStarter",
    "ReleaseState",
    "ServiceImage",
    "SourcePolicy",
    "TaskSize",
    "WebService",
]
