"""The settings in `platform.yaml`: their types, defaults and error messages, and the names that they result in.

`loading` reads the file. `settings` is the model of the whole file. `sections/` has a module for each section, with its
fields; `fields/` has the types of fields and the rules for their values. `checks/` compares values with each other.
`reading/` reads YAML and turns the errors of pydantic into messages with file and line. `names`, `prefix`, `places`,
`overrides` and `image_folders` are what other packages conclude from the settings; `fargate` and `regions` are facts
about AWS.
"""

from pythonbase_settings.checks import check_together
from pythonbase_settings.fields.load_balancer import LoadBalancer
from pythonbase_settings.image_folders import image_folder
from pythonbase_settings.loading import load_settings
from pythonbase_settings.names import stack_name
from pythonbase_settings.overrides import in_environment
from pythonbase_settings.prefix import with_prefix
from pythonbase_settings.problems import Problem, SettingsError
from pythonbase_settings.sections.account_and_region import AccountAndRegion
from pythonbase_settings.sections.base_images import BaseImage
from pythonbase_settings.sections.bitbucket import Bitbucket
from pythonbase_settings.sections.deployment import Deployment
from pythonbase_settings.sections.docker_hub import DockerHub
from pythonbase_settings.sections.environment_places import EnvironmentPlace
from pythonbase_settings.sections.network import ExistingVpc, Network
from pythonbase_settings.sections.notifications import Notifications
from pythonbase_settings.sections.service_environments import ServiceEnvironment
from pythonbase_settings.sections.services import ExecutionMode, Service
from pythonbase_settings.settings import Settings

__all__ = [
    "AccountAndRegion",
    "BaseImage",
    "Bitbucket",
    "Deployment",
    "DockerHub",
    "EnvironmentPlace",
    "ExecutionMode",
    "ExistingVpc",
    "LoadBalancer",
    "Network",
    "Notifications",
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
