"""The script of a build as a file in the assets' bucket."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as s3_assets
from constructs import Construct

from pythonbase_buildspecs import Buildspec

VARIABLE = "BUILD_SCRIPT"
"""The variable that gives a build the address of its script."""


def build_script(scope: Construct, buildspec: Buildspec, role: iam.Role) -> str:
    """The address of the buildspec's script in S3, which the role may read from now on."""
    # The asset is copied when it is made (not with `cdk --no-staging`).
    with TemporaryDirectory() as folder:
        file = Path(folder) / "build.sh"
        file.write_bytes(buildspec.script.encode())
        asset = s3_assets.Asset(scope, "Script", path=str(file))
    # One policy for each script: while a stack is updated, builds that began before may still read theirs.
    iam.Policy(
        role,
        f"Script{asset.asset_hash[:8]}",
        roles=[role],
        statements=[
            iam.PolicyStatement(actions=["s3:GetObject"], resources=[asset.bucket.arn_for_objects(asset.s3_object_key)])
        ],
    )
    return asset.s3_object_url
