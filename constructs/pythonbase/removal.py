"""The opposite of what the constructs do by themselves: state goes with its stack."""

from __future__ import annotations

from typing import cast

from aws_cdk import CfnDeletionPolicy, CfnResource, RemovalPolicy
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_s3 as s3
from constructs import IConstruct

from pythonbase.releases.parameters_put_once import ParametersPutOnce

_KEPT = (CfnDeletionPolicy.RETAIN, CfnDeletionPolicy.RETAIN_EXCEPT_ON_CREATE)


def remove_with_stack(scope: IConstruct) -> None:
    """Have everything below deleted with its stack: repositories with their images, buckets with their objects.

    Takes effect with the deployment, and nothing is deleted by it: CloudFormation deletes when the stack is deleted.
    A bucket that was kept gets a custom resource that empties it, because CloudFormation deletes only empty buckets.
    Parameters that a deployment only creates are deleted too.

    Args:
        scope: What is about to go; call this after everything in it exists.
    """
    for construct in scope.node.find_all():
        if isinstance(construct, ParametersPutOnce):
            construct.remove_with_stack()
        if not CfnResource.is_cfn_resource(construct):
            continue
        resource = cast(CfnResource, construct)
        if resource.cfn_options.deletion_policy in _KEPT:
            resource.apply_removal_policy(RemovalPolicy.DESTROY)
            for mixin in (ecr.mixins.RepositoryAutoDeleteImages(), s3.mixins.BucketAutoDeleteObjects()):
                if mixin.supports(resource):
                    mixin.apply_to(resource)
