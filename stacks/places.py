"""Account and Region of an environment of the services."""

from __future__ import annotations

from aws_cdk import Environment

from pythonbase import ReleaseStage
from pythonbase_settings.places import Place


def env_at(where: Place | ReleaseStage, env: Environment) -> Environment:
    """Account and Region for stacks there: those of the pipelines, where it names no others.

    Args:
        where: An environment of the services.
        env: Account and Region of the pipelines.
    """
    return Environment(account=where.account or env.account, region=where.region or env.region)
