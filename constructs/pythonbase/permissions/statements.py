"""Policy statements that several roles have."""

from __future__ import annotations

from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager


def read_secret(secret: secretsmanager.ISecret) -> iam.PolicyStatement:
    """Read the value of a secret; the CDK library would add its description."""
    # The name of a secret is followed by six characters, which who knows only the name cannot know:
    # https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_examples.html
    resource = secret.secret_full_arn or f"{secret.secret_arn}-??????"
    return iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=[resource])


def use_connection(connection_arn: str) -> iam.PolicyStatement:
    """Read a repository over a connection."""
    # The service has two names; which one counts depends on when the connection was made:
    # https://docs.aws.amazon.com/dtconsole/latest/userguide/rename.html
    return iam.PolicyStatement(
        actions=["codeconnections:UseConnection", "codestar-connections:UseConnection"], resources=[connection_arn]
    )


def run_builds(project: codebuild.IProject) -> iam.PolicyStatement:
    """Run a project and see how its builds go."""
    actions = ["codebuild:BatchGetBuilds", "codebuild:StartBuild", "codebuild:StopBuild"]
    return iam.PolicyStatement(actions=actions, resources=[project.project_arn])


def see_bucket(bucket: s3.IBucket) -> iam.PolicyStatement:
    """What CodeBuild asks a bucket itself that it reads from or writes to:
    https://docs.aws.amazon.com/codebuild/latest/userguide/setting-up-service-role.html
    """
    return iam.PolicyStatement(actions=["s3:GetBucketAcl", "s3:GetBucketLocation"], resources=[bucket.bucket_arn])


def locate_bucket(bucket: s3.IBucket) -> iam.PolicyStatement:
    """What CodePipeline asks its artifact bucket itself:
    https://docs.aws.amazon.com/codepipeline/latest/userguide/how-to-custom-role.html
    """
    return iam.PolicyStatement(
        actions=["s3:GetBucketAcl", "s3:GetBucketLocation", "s3:GetBucketVersioning"],
        resources=[bucket.bucket_arn],
    )
