"""The settings of a service in one of its environments."""

from pythonbase_settings.sections.service_environments import ServiceEnvironment
from pythonbase_settings.sections.services import Service


def in_environment(service: Service, environment: ServiceEnvironment) -> Service:
    """The service with the settings of the environment: values are replaced, variables and secrets are added."""
    given = {
        key: getattr(environment, key)
        for key in ("cpu", "memory", "desired_count", "max_count", "load_balancer")
        if getattr(environment, key) is not None
    }
    if "desired_count" in given and "max_count" not in given:
        given["max_count"] = max(service.max_count, given["desired_count"])
    if environment.alarms:
        given["deployment"] = service.deployment.model_copy(update={"alarms": environment.alarms})
    own = {*environment.environment, *environment.secrets}
    return service.model_copy(
        update={
            **given,
            "environment": _without(service.environment, own) | environment.environment,
            "secrets": _without(service.secrets, own) | environment.secrets,
        }
    )


def _without(values: dict[str, str], names: set[str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if name not in names}
