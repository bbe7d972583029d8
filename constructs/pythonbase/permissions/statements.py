"""Policy statements that several roles have."""

from __future__ import annotations

from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager


def read_secret(secret: secretsmanager.ISecret) -> iam.PolicyStatement:
    """Allow reading the value of a secret; the CDK library would also allow describing it."""
    # The ARN ends with six random characters, which are unknown if only the name is known:
    # https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_examples.html
    resource = secret.secret_full_arn or f"{secret.secret_arn}-??????"
    return iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=[resource])


def use_connection(connection_arn: str) -> iam.PolicyStatement:
    """Allow reading a repository through a connection."""
    # The service was renamed; which name applies depends on when the connection was created:
    # https://docs.aws.amazon.com/dtconsole/latest/userguide/rename.html
    return iam.PolicyStatement(
        actions=["codeconnections:UseConnection", "codestar-connections:UseConnection"], resources=[connection_arn]
    )


def run_builds(project: codebuild.IProject) -> iam.PolicyStatement:
    """Allow running a project and reading the status of its builds."""
    actions = ["codebuild:BatchGetBuilds", "codebuild:StartBuild", "codebuild:StopBuild"]
    return iam.PolicyStatement(actions=actions, resources=[project.project_arn])


def see_bucket(bucket: s3.IBucket) -> iam.PolicyStatement:
    """What CodeBuild needs on a bucket itself, besides its objects, to read from it or write to it:
    https://docs.aws.amazon.com/codebuild/latest/userguide/setting-up-service-role.html
    """
    return iam.PolicyStatement(actions=["s3:GetBucketAcl", "s3:GetBucketLocation"], resources=[bucket.bucket_arn])


def locate_bucket(bucket: s3.IBucket) -> iam.PolicyStatement:
    """What CodePipeline needs on its artifact bucket itself, besides its objects:
    https://docs.aws.amazon.com/codepipeline/latest/userguide/how-to-custom-role.html
    """
    return iam.PolicyStatement(
        actions=["s3:GetBucketAcl", "s3:GetBucketLocation", "s3:GetBucketVersioning"],
        resources=[bucket.bucket_arn],
    )
