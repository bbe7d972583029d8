"""The language of `platform.yaml`: what it may say, its defaults, its mistakes, and the names that follow from it.

From the inside out: `problems` and `field_rules` are the words of mistakes; each section of the file has a module with
its fields and their rules; `settings` is the whole file; `checks` has the mistakes between values that are each right;
`loading` reads a file.
"""

from pythonbase_settings.base_images import BaseImage
from pythonbase_settings.bitbucket import Bitbucket
from pythonbase_settings.checks import check_together
from pythonbase_settings.deployment import Deployment
from pythonbase_settings.docker_hub import DockerHub
from pythonbase_settings.environment import Environment
from pythonbase_settings.environments import PlatformEnvironment
from pythonbase_settings.image_folders import image_folder
from pythonbase_settings.loading import load_settings
from pythonbase_settings.names import stack_name
from pythonbase_settings.network import ExistingVpc, Network
from pythonbase_settings.notifications import Notifications
from pythonbase_settings.prefix import with_prefix
from pythonbase_settings.problems import Problem, SettingsError
from pythonbase_settings.services import ExecutionMode, LoadBalancer, Service, ServiceEnvironment, in_environment
from pythonbase_settings.settings import Settings

__all__ = [
    "BaseImage",
    "Bitbucket",
    "Deployment",
    "DockerHub",
    "Environment",
    "ExecutionMode",
    "ExistingVpc",
    "LoadBalancer",
    "Network",
    "Notifications",
    "PlatformEnvironment",
    "Problem",
    "Service",
    "ServiceEnvironment",
    "Settings",
    "SettingsError",
    "check_together",
    "image_folder",
    "in_environment",
    "load_settings",
    "stack_name",
    "with_prefix",
]
