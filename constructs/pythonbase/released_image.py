"""The image that a service has released, read when its stack is deployed."""

from __future__ import annotations

import hashlib
import json
from typing import cast

import jsii
from aws_cdk import CfnResource, IStableStringProducer, Lazy, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import custom_resources as custom
from constructs import Construct

from pythonbase.release import ReleaseNames


class ReleasedImage(Construct):
    """Reads the image parameter of a service's releases, anew whenever anything in the stack's template changes.

    Why not a template parameter of type ``AWS::SSM::Parameter::Value<String>``: CloudFormation compares its value too.
    After each release ``cdk diff`` would show the new digest, which nobody changed in the template, and ``cdk deploy``
    would replace the tasks once more. This resource is left alone while the template stays the same, and read whenever
    an update could touch the service, so that no update can bring an older image back.

    Args:
        scope: Parent.
        construct_id: Id in the parent.
        names: Which service.
    """

    def __init__(self, scope: Construct, construct_id: str, *, names: ReleaseNames) -> None:
        super().__init__(scope, construct_id)
        log_group = logs.LogGroup(
            self, "Logs", retention=logs.RetentionDays.THREE_MONTHS, removal_policy=RemovalPolicy.DESTROY
        )
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group.grant_write(role)
        resource = custom.AwsCustomResource(
            self,
            "Parameter",
            resource_type="Custom::ReleasedImage",
            on_update=custom.AwsSdkCall(
                service="ssm",
                action="GetParameter",
                parameters={"Name": names.image_parameter},
                physical_resource_id=custom.PhysicalResourceId.of(Lazy.string(_Fingerprint(self))),
                output_paths=["Parameter.Value"],
            ),
            policy=custom.AwsCustomResourcePolicy.from_statements(
                [
                    iam.PolicyStatement(
                        actions=["ssm:GetParameter"], resources=[names.parameter_arn(self, names.image_parameter)]
                    )
                ]
            ),
            install_latest_aws_sdk=False,
            log_group=log_group,
            role=role,
        )
        self.uri: str = resource.get_response_field("Parameter.Value")


@jsii.implements(IStableStringProducer)
class _Fingerprint:
    """Of everything in the stack's template except the resource that carries it."""

    def __init__(self, released_image: ReleasedImage) -> None:
        self._scope = released_image

    def produce(self) -> str:
        """The fingerprint; the CDK library asks for it when it writes the template."""
        stack = Stack.of(self._scope)
        own = f"{self._scope.node.path}/"
        properties = {
            element.node.path: stack.resolve(cast(CfnResource, element)._cfn_properties)
            for element in stack.node.find_all()
            if CfnResource.is_cfn_resource(element) and not element.node.path.startswith(own)
        }
        return hashlib.sha256(json.dumps(properties, sort_keys=True).encode()).hexdigest()[:32]
