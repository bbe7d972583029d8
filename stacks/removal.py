"""Two keys to destroy: a setting that a reviewer sees, and a flag of the person who runs the command."""

from __future__ import annotations

from aws_cdk import Annotations, App, Stack

from pythonbase.removal import remove_with_stack
from pythonbase_settings import Settings
from pythonbase_settings.names import artifacts_name
from pythonbase_settings.places import other_regions
from pythonbase_settings.places import place as environment_place
from pythonbase_settings.problems import SettingPath, place

FLAG = "destroy"
"""Name of the setting, and of the context value: ``cdk deploy -c destroy=orders,billing …``."""

CONNECTION = "bitbucket"
"""What the connection is called in the flag. No service and no base image can have this name."""


class RemovalError(Exception):
    """The flag was given and the setting does not agree. Its text is the whole message for the user."""


class Removal:
    """Which of the platform's things are deleted together with their stacks. By default none.

    Args:
        app: The app with the context.
        settings: What platform.yaml says.

    Raises:
        RemovalError: if the flag names something that the settings do not mark, or do not have.
    """

    def __init__(self, app: App, settings: Settings) -> None:
        marks: list[tuple[str, SettingPath, bool]] = [
            (image.name, ("base_images", index), image.destroy) for index, image in enumerate(settings.base_images)
        ]
        marks += [(item.name, ("services", index), item.destroy) for index, item in enumerate(settings.services)]
        if settings.services and settings.bitbucket.connection_arn is None:
            marks.append((CONNECTION, ("bitbucket",), settings.bitbucket.destroy))
        marks += self._artifacts(settings)
        self._marked = {name for name, _, destroy in marks if destroy}
        given = str(app.node.try_get_context(FLAG) or "")
        self._asked = {name for name in (part.strip() for part in given.split(",")) if name}
        places = {name: path for name, path, _ in marks}
        messages = [self._message(name, places) for name in sorted(self._asked - self._marked)]
        if messages:
            raise RemovalError("\n".join(messages))

    def apply(self, name: str, *stacks: Stack) -> None:
        """Let the stacks of this name be deleted with all that they hold, if both keys are there."""
        if name not in self._marked:
            return
        for stack in stacks:
            if name in self._asked:
                stack.termination_protection = False
                remove_with_stack(stack)
            else:
                Annotations.of(stack).add_warning_v2(
                    f"pythonbase:{FLAG}",
                    f"{name} is marked {FLAG}: true and is kept all the same: the second key, -c {FLAG}={name} on the "
                    "command line, is missing",
                )

    @staticmethod
    def _artifacts(settings: Settings) -> list[tuple[str, SettingPath, bool]]:
        """The buckets of other Regions: each belongs to all environments there."""
        places = {item.name: environment_place(item.name, settings).region for item in settings.environments}
        marks: list[tuple[str, SettingPath, bool]] = []
        for region in other_regions(settings):
            there = [index for index, item in enumerate(settings.environments) if places[item.name] == region]
            kept = [index for index in there if not settings.environments[index].destroy]
            marks.append((artifacts_name(region), ("environments", (kept or there)[0]), not kept))
        return marks

    @staticmethod
    def _message(name: str, places: dict[str, SettingPath]) -> str:
        if name not in places:
            return f"-c {FLAG}: got {name!r}; use one of {', '.join(sorted(places))}"
        return (
            f"-c {FLAG}: got {name!r}, which the settings keep; the other key is {place((*places[name], FLAG))}: true, "
            "in a change that somebody reviews. Nothing was changed"
        )
