"""The bucket for the artifacts of a pipeline."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from pythonbase.permissions.acknowledge import acknowledge, wildcard_resource

_KEPT = Duration.days(30)


class ArtifactBucket(Construct):
    """A private bucket whose objects expire after 30 days.

    Args:
        scope: Parent.
        construct_id: Id in the parent.
        bucket_name: A fixed name, for references from elsewhere. Default: CloudFormation chooses one.
    """

    def __init__(self, scope: Construct, construct_id: str, *, bucket_name: str | None = None) -> None:
        super().__init__(scope, construct_id)
        self.bucket: s3.Bucket = s3.Bucket(
            self,
            "Default",
            bucket_name=bucket_name,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            lifecycle_rules=[
                s3.LifecycleRule(expiration=_KEPT, abort_incomplete_multipart_upload_after=Duration.days(1))
            ],
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )
        acknowledge(
            self.bucket,
            {"AwsSolutions-S1": "only one pipeline and its actions use this bucket; its objects live 30 days"},
        )

    def grant_read_artifacts(self, role: iam.IRole) -> iam.Grant:
        """Allow reading artifacts."""
        return self._grant(role, ["s3:GetObject", "s3:GetObjectVersion"])

    def grant_read_write_artifacts(self, role: iam.IRole) -> iam.Grant:
        """Allow reading and writing artifacts."""
        return self._grant(role, ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"])

    def grant_write_source(self, role: iam.IRole) -> iam.Grant:
        """Allow what the Source action of a connection needs: it also sets the ACL and tags of what it writes.

        https://repost.aws/knowledge-center/codepipeline-access-denied-errors, aws-cdk#13557
        """
        tags = ["s3:GetObjectTagging", "s3:GetObjectVersionTagging", "s3:PutObjectTagging"]
        return self._grant(role, ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:PutObjectAcl", *tags])

    def _grant(self, role: iam.IRole, actions: list[str]) -> iam.Grant:
        objects = self.bucket.arn_for_objects("*")
        acknowledge(
            role,
            {
                wildcard_resource(
                    role, objects
                ): "CodePipeline chooses the keys of artifacts; the bucket is the pipeline's own"
            },
        )
        return iam.Grant.add_to_principal(grantee=role, actions=actions, resource_arns=[objects])
