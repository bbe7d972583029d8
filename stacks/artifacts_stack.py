"""The stack of the artifact bucket in another Region."""

from __future__ import annotations

from aws_cdk import Environment
from aws_cdk import aws_s3 as s3
from constructs import Construct

from pythonbase import ArtifactBucket
from stacks.platform_stack import PlatformStack


class ArtifactsStack(PlatformStack):
    """A bucket that CodePipeline wants in each Region with an action, although the releases there hand over nothing."""

    def __init__(self, scope: Construct, construct_id: str, *, prefix: str, env: Environment) -> None:
        super().__init__(scope, construct_id, env=env, description="Artifacts of pipelines with environments here")
        name = f"pythonbase-artifacts-{env.account}-{env.region}"
        self._name = f"{prefix}-{name}" if prefix else name
        ArtifactBucket(self, "Artifacts", bucket_name=self._name)

    def bucket_for(self, scope: Construct) -> s3.IBucket:
        """The bucket, seen from another Region."""
        return s3.Bucket.from_bucket_attributes(
            scope, f"Artifacts{self.region}", bucket_name=self._name, region=self.region, account=self.account
        )
