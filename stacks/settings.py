"""The settings of the application: reads `platform.yaml` and reports every mistake in it.

>>> settings = load_settings(Path("platform.yaml"))
"""

from pathlib import Path

from pydantic import ValidationError

from stacks.names import stack_name
from stacks.prefix import with_prefix
from stacks.problems import Finding, Problem, SettingPath, SettingsError
from stacks.settings_checks import check_image_folders, check_together, image_folder
from stacks.settings_errors import broken_paths, findings_of
from stacks.settings_file import read_document
from stacks.settings_model import (
    BaseImage,
    Bitbucket,
    Deployment,
    DockerHub,
    Environment,
    ExecutionMode,
    ExistingVpc,
    LoadBalancer,
    Network,
    Notifications,
    PlatformEnvironment,
    Service,
    ServiceEnvironment,
    Settings,
)
from stacks.settings_salvage import salvage

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
    "image_folder",
    "load_settings",
    "stack_name",
]


def load_settings(path: Path) -> Settings:
    """Reads a settings file.

    Args:
        path: the YAML file. Folders that it names are relative to the folder that it is in.

    Returns:
        The settings, with the names that things have in AWS (``with_prefix``).

    Raises:
        SettingsError: with every mistake in the file.
    """
    document = read_document(path)
    findings: list[Finding] = []
    refused: ValidationError | None = None
    try:
        settings = Settings.model_validate(document.data)
    except ValidationError as error:
        refused = error
        findings = findings_of(error, model=Settings)
        settings = salvage(document.data)
    broken = broken_paths(findings)
    together = [*check_together(settings), *check_image_folders(settings, settings_file=path)]
    findings += [finding for finding in together if not _rests_on(finding, broken)]
    problems = document.problems_with(findings)
    if problems:
        raise SettingsError(problems)
    if refused:  # a mistake that no check above knows must not pass for that
        raise refused
    return with_prefix(settings)


def _rests_on(finding: Finding, broken: set[SettingPath]) -> bool:
    """Whether the finding was concluded from a value that is wrong, or is inside one that is wrong."""
    concerned = (finding.path, *finding.involves)
    return any(path[:length] in broken for path in concerned for length in range(1, len(path) + 1))
