"""CloudFormation: resource types that MiniStack lacks, repairs of those that it has and of its change sets."""

from . import alarms, buckets, builds, change_sets, existing, network, repositories, secrets, services


def install() -> None:
    """Register and repair. Types of our own services are registered by those services."""
    change_sets.install()
    network.install()
    buckets.install()
    secrets.install()
    repositories.install()
    existing.install()
    builds.install()
    services.install()
    alarms.install()
