"""ECS: tasks act with their execution role, and a deployment is complete when its tasks are healthy."""

from pythonbase_localcloud.aws.ecs import containers, execution, exits, restart, scheduler, service_deployments
from pythonbase_localcloud.aws.ecs.announcements import Announcer
from pythonbase_localcloud.aws.load_balancing.target_health import HealthChecks


def install(health: HealthChecks) -> None:
    """Patch MiniStack's ECS."""
    execution.install()
    containers.install(health)
    exits.install()
    scheduler.install(health)
    service_deployments.install()
    restart.install()
    health.on_tick(Announcer().tick)
