"""Two keys to destroy, with the real CDK CLI: what goes and what stays when a stack with state is destroyed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from pythonbase_localcloud.testing.callers import unique
from pythonbase_localcloud.testing.registry_client import RegistryClient

if TYPE_CHECKING:
    from pythonbase_localcloud.testing.cloud import Cloud

pytestmark = pytest.mark.slow

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture
def service() -> str:
    return unique("kept")


@pytest.fixture
def write(cloud: Cloud, service: str, tmp_path: Path) -> Callable[[str], Run]:
    """Writes the settings and returns the CDK CLI for them."""
    cloud.run(
        "cdk", "bootstrap", f"aws://{cloud.account}/{cloud.region}", "-c", "config=platform.yaml",
        "--output", str(tmp_path / "bootstrap"),
    )  # fmt: skip

    def settings(line: str) -> Run:
        file = tmp_path / "platform.yaml"
        file.write_text(f"services:\n  - name: {service}\n    repository: acme/{service}\n{line}")

        def cdk(*arguments: str, check: bool = True) -> CompletedProcess[str]:
            return cloud.cdk(*arguments, config=file, check=check)

        return cdk

    return settings


def _state_stack(service: str) -> str:
    first, second = service.split("-")
    return f"{first.capitalize()}{second[0].upper()}{second[1:]}State"


def _deploy(cdk: Run, stack: str, *flags: str, check: bool = True) -> CompletedProcess[str]:
    return cdk("deploy", stack, "--exclusively", "--require-approval", "never", *flags, check=check)


def test_one_key_destroys_nothing_and_two_destroy_what_they_name(
    cloud: Cloud, service: str, write: Callable[[str], Run]
) -> None:
    stack, ecr, ssm = _state_stack(service), cloud.client("ecr"), cloud.client("ssm")
    parameter = f"/pythonbase/services/{service}/image"
    _deploy(write(""), stack)
    assert RegistryClient(cloud, ecr).put_image(service, "v1").status == 201

    # No key: the stack is protected.
    refused = write("")("destroy", stack, "--exclusively", "--force", check=False)
    assert refused.returncode != 0
    assert "TerminationProtection" in refused.stderr + refused.stdout

    # The flag alone: refused before anything is asked of AWS, and the other key is named.
    alone = _deploy(write(""), stack, "-c", f"destroy={service}", check=False)
    assert alone.returncode != 0
    assert "services[0].destroy: true" in alone.stderr + alone.stdout

    # The setting alone: a warning, and the stack stays protected.
    warned = _deploy(write("    destroy: true\n"), stack)
    assert f"-c destroy={service} on the command line, is missing" in warned.stderr + warned.stdout
    assert write("    destroy: true\n")("destroy", stack, "--exclusively", "--force", check=False).returncode != 0
    assert ecr.describe_images(repositoryName=service)["imageDetails"]

    # Both: first the deployment that unlocks, then the destruction.
    both = write("    destroy: true\n")
    _deploy(both, stack, "-c", f"destroy={service}")
    assert ecr.describe_images(repositoryName=service)["imageDetails"], "unlocking deletes nothing"
    assert ssm.get_parameter(Name=parameter)
    both("destroy", stack, "--exclusively", "--force")
    with pytest.raises(ClientError, match="RepositoryNotFound"):
        ecr.describe_images(repositoryName=service)
    with pytest.raises(ClientError, match="ParameterNotFound"):
        ssm.get_parameter(Name=parameter)


def test_a_stack_that_is_deleted_without_the_keys_leaves_its_repository_and_its_parameters(
    cloud: Cloud, service: str, write: Callable[[str], Run]
) -> None:
    stack, ecr = _state_stack(service), cloud.client("ecr")
    _deploy(write(""), stack)
    RegistryClient(cloud, ecr).put_image(service, "v1")
    cloudformation = cloud.client("cloudformation")
    # As somebody in a hurry does it in the console.
    cloudformation.update_termination_protection(StackName=stack, EnableTerminationProtection=False)
    shown = write("")("destroy", stack, "--exclusively", "--force")
    assert "destroyed" in shown.stdout + shown.stderr
    assert ecr.describe_images(repositoryName=service)["imageDetails"]
    assert cloud.client("ssm").get_parameter(Name=f"/pythonbase/services/{service}/image")
