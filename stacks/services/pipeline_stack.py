"""The stack of the pipeline of a service with environments."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Environment
from constructs import Construct

from stacks.artifacts_stack import ArtifactsStack
from stacks.platform_stack import PlatformStack
from stacks.services.parts import ServiceParts
from stacks.services.pipeline import add_pipeline


class PipelineStack(PlatformStack):
    """The pipeline that builds a service once, and releases the image to each of its environments."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        parts: ServiceParts,
        artifacts: Mapping[str, ArtifactsStack],
        env: Environment,
    ) -> None:
        super().__init__(scope, construct_id, env=env, description=f"Pipeline of {parts.settings.name}")
        self.pipeline = add_pipeline(
            self,
            parts,
            artifact_buckets={region: stack.bucket_for(self) for region, stack in artifacts.items()},
        )
