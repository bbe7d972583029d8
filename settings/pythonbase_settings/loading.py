"""Reads `platform.yaml` and reports every error in it.

>>> settings = load_settings(Path("platform.yaml"))
"""

from pathlib import Path

from pydantic import ValidationError

from pythonbase_settings.checks import check_image_folders, check_together
from pythonbase_settings.image_folders import CHECKOUT
from pythonbase_settings.prefix import with_prefix
from pythonbase_settings.problems import Finding, SettingPath, SettingsError
from pythonbase_settings.reading.errors import broken_paths, findings_of
from pythonbase_settings.reading.salvage import salvage
from pythonbase_settings.reading.yaml_file import read_document
from pythonbase_settings.settings import Settings


def load_settings(path: Path, *, application: Path = CHECKOUT) -> Settings:
    """Reads a settings file.

    Args:
        path: the YAML file. Folders that it names are relative to the folder that it is in.
        application: the folder with the application, for base images whose folder is not beside the settings file.

    Returns:
        The settings, with the names in AWS (``with_prefix``).

    Raises:
        SettingsError: with every error in the file.
    """
    document = read_document(path)
    findings: list[Finding] = []
    refused: ValidationError | None = None
    try:
        settings = Settings.model_validate(document.data)
    except ValidationError as error:
        refused = error
        findings = findings_of(error, model=Settings)
        settings = salvage(document.data, error)
    broken = broken_paths(findings)
    folders = check_image_folders(settings, settings_file=path, application=application)
    together = [*check_together(settings), *folders]
    findings += [finding for finding in together if not _rests_on(finding, broken)]
    problems = document.problems_with(findings)
    if problems:
        raise SettingsError(problems)
    if refused:  # an error without a finding must not be lost
        raise refused
    return with_prefix(settings)


def _rests_on(finding: Finding, broken: set[SettingPath]) -> bool:
    """Whether the finding depends on a wrong value, or is inside one."""
    concerned = (finding.path, *finding.involves)
    return any(path[:length] in broken for path in concerned for length in range(1, len(path) + 1))
