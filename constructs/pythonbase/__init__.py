"""Constructs that build container images without Docker Hub's pull limit and release services to ECS.

Import from this package. Each subpackage imports only from those below it (``make lint`` checks it):

``monitoring``
``pipelines``
``services``, ``network``
``releases``
``images``, ``docker_hub_check``
``lambda_code``, ``permissions``, ``state_machines``

``removal`` is above all of them. Only one module, in the same folder, uses a module whose name starts with ``_``.
"""

from pythonbase.docker_hub_check import DockerHubCheck
from pythonbase.images.base_image import DEFAULT_UPSTREAM, BaseImage
from pythonbase.images.reference import MOVING_TAG, BaseImageReference, IBaseImage
from pythonbase.monitoring.build_queue_watch import BuildQueueWatch
from pythonbase.monitoring.build_statuses import BITBUCKET_API, BuildStatuses
from pythonbase.monitoring.connection_watch import ConnectionWatch
from pythonbase.monitoring.failure_alarms import FailureAlarms
from pythonbase.monitoring.release_notifications import ReleaseNotifications
from pythonbase.network.network import Network
from pythonbase.pipelines.app_pipeline import AppPipeline
from pythonbase.pipelines.artifact_bucket import ArtifactBucket
from pythonbase.pipelines.bitbucket_source import BitbucketSource
from pythonbase.pipelines.pull_request_builds import PullRequestBuilds
from pythonbase.pipelines.service_build import BuildOptions, ServiceImage
from pythonbase.releases.machine import ReleaseMachine
from pythonbase.releases.names import ReleaseNames
from pythonbase.releases.stage import ReleaseStage
from pythonbase.releases.starter import ReleaseStarter
from pythonbase.releases.state import ReleaseParameters, ReleaseRepository, ReleaseState
from pythonbase.services.deployment import Deployment, DeploymentStrategy
from pythonbase.services.load_balancing import LoadBalancing
from pythonbase.services.web_service import CONTAINER_NAME, TaskSize, WebService
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
    "BuildOptions",
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
