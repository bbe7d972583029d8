"""The bucket of a pipeline's artifacts."""

from __future__ import annotations

import pytest
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template

from pythonbase.pipelines.artifact_bucket import ArtifactBucket
from tests.unit.synthesis import allowed, may, new_stack, only, text


@pytest.fixture(scope="module")
def template() -> Template:
    stack = new_stack()
    artifacts = ArtifactBucket(stack, "Artifacts")
    roles = {
        name: iam.Role(stack, name, assumed_by=iam.ServicePrincipal("codepipeline.amazonaws.com"))
        for name in ("Reader", "Writer", "Nobody")
    }
    artifacts.grant_read_artifacts(roles["Reader"])
    artifacts.grant_read_write_artifacts(roles["Writer"])
    return Template.from_stack(stack)


def test_the_bucket_is_private_encrypted_and_retained(template: Template) -> None:
    bucket = only(template, "AWS::S3::Bucket")
    assert set(bucket.properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket.properties["PublicAccessBlockConfiguration"]) == 4
    (rule,) = bucket.properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    # Deleted if its creation is rolled back: the next attempt creates it again.
    assert bucket.body["DeletionPolicy"] == "RetainExceptOnCreate"
    assert bucket.body["UpdateReplacePolicy"] == "Retain"


def test_artifacts_expire_after_30_days(template: Template) -> None:
    (rule,) = only(template, "AWS::S3::Bucket").properties["LifecycleConfiguration"]["Rules"]
    assert (rule["ExpirationInDays"], rule["Status"]) == (30, "Enabled")
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}


def test_plain_http_is_refused_for_bucket_and_objects(template: Template) -> None:
    (statement,) = only(template, "AWS::S3::BucketPolicy").properties["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"], statement["Principal"]) == ("Deny", "s3:*", {"AWS": "*"})
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert {text(item) for item in statement["Resource"]} == {"${Artifacts.Arn}", "${Artifacts.Arn}/*"}


def test_readers_read_and_writers_also_write(template: Template) -> None:
    objects = {"${Artifacts.Arn}/*"}
    assert allowed(template, "Reader") == {"s3:GetObject": objects, "s3:GetObjectVersion": objects}
    assert allowed(template, "Writer") == {
        "s3:GetObject": objects,
        "s3:GetObjectVersion": objects,
        "s3:PutObject": objects,
    }
    assert allowed(template, "Nobody") == {}


@pytest.mark.parametrize(
    "action", ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:DeleteBucket", "s3:PutBucketPolicy"]
)
def test_nobody_may_delete_or_reconfigure(template: Template, action: str) -> None:
    assert not any(may(allowed(template, role), action) for role in ("Reader", "Writer"))
