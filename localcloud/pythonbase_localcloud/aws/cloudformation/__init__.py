"""CloudFormation: resource types that MiniStack lacks, repairs of those that it has and of its change sets."""

from . import (
    alarms,
    buckets,
    builds,
    change_sets,
    deleted_stacks,
    existing,
    network,
    repositories,
    secrets,
    service_linked_roles,
    services,
    state_machines,
)


def install() -> None:
    """Register and repair. Types of our own services are registered by those services."""
    change_sets.install()
    deleted_stacks.install()
    network.install()
    buckets.install()
    secrets.install()
    repositories.install()
    existing.install()
    builds.install()
    services.install()
    service_linked_roles.install()
    state_machines.install()
    alarms.install()
