"""Deletes state with its stack; by default the constructs retain it."""

from __future__ import annotations

from typing import cast

from aws_cdk import CfnDeletionPolicy, CfnResource, RemovalPolicy
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_s3 as s3
from constructs import IConstruct

from pythonbase.releases.parameters_put_once import ParametersPutOnce

_KEPT = (CfnDeletionPolicy.RETAIN, CfnDeletionPolicy.RETAIN_EXCEPT_ON_CREATE)


def remove_with_stack(scope: IConstruct) -> None:
    """Delete everything in a scope with its stack: repositories with their images, buckets with their objects.

    Deploy the change before you delete the stack. The deployment itself deletes nothing. A bucket that was retained
    gets a custom resource that empties it, because CloudFormation deletes only empty buckets. Parameters that a
    deployment creates but does not update are deleted too.

    Args:
        scope: The construct whose resources to delete; call this after everything in it is defined.
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
