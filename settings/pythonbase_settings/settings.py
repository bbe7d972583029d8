"""The model of `platform.yaml` as a whole.

The model validates each value by itself; `checks` compares values with each other. Neither of them accesses AWS, Git or
environment variables.
"""

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from pythonbase_settings.fields.rules import rule
from pythonbase_settings.fields.types import NAME_PATTERN
from pythonbase_settings.sections.account_and_region import AccountAndRegion
from pythonbase_settings.sections.base_images import BaseImage
from pythonbase_settings.sections.bitbucket import Bitbucket
from pythonbase_settings.sections.docker_hub import DockerHub
from pythonbase_settings.sections.environment_places import EnvironmentPlace
from pythonbase_settings.sections.network import Network
from pythonbase_settings.sections.notifications import Notifications
from pythonbase_settings.sections.section import Section
from pythonbase_settings.sections.services import Service

_Prefix = Annotated[
    str,
    Field(pattern=NAME_PATTERN, min_length=2, max_length=12),
    rule("use 2 to 12 lower-case letters, digits and single hyphens, starting with a letter, such as shop"),
]


class Settings(Section):
    """All settings of the application."""

    environment: AccountAndRegion = Field(
        default=AccountAndRegion(), description="AWS account and Region of the platform."
    )
    environments: list[EnvironmentPlace] = Field(
        default=[],
        description="Account, Region and network of environments that have their own. Other environments need no "
        "entry.",
        examples=[[{"name": "production", "account": "210987654321"}]],
    )
    prefix: _Prefix = Field(
        default="",
        description="Prefix, followed by a hyphen, for the names of all stacks, repositories, services, pipelines "
        "and roles. It keeps two platforms in one account apart. Default: no prefix.",
        examples=["shop"],
    )
    bitbucket: Bitbucket = Field(default=Bitbucket(), description="Connection to Bitbucket.")
    network: Network = Field(default=Network(), description="Network of the services.")
    docker_hub: DockerHub = Field(default=DockerHub(), description="Docker Hub images that service builds may use.")
    notifications: Notifications = Field(
        default=Notifications(), description="Where to send release results. Default: nothing is sent."
    )
    base_images: list[BaseImage] = Field(
        default=[BaseImage(name="pythonbase")],
        min_length=1,
        description="Images that services are built on. Default: one base image, named `pythonbase`.",
        examples=[[{"name": "pythonbase"}]],
    )
    services: list[Service] = Field(
        default=[],
        description="Services, with their repositories and pipelines.",
        examples=[[{"name": "orders", "repository": "acme/orders", "port": 8080}]],
    )

    @field_validator("services")
    @classmethod
    def _default_base_image(cls, services: list[Service], info: ValidationInfo) -> list[Service]:
        base_images: list[BaseImage] = info.data.get("base_images", [])
        if not base_images:
            return services
        first = base_images[0].name
        return [item if item.base_image else item.model_copy(update={"base_image": first}) for item in services]
