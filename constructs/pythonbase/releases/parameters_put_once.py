"""An SSM parameter that a deployment creates where it is absent, and that is somebody else's from then on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

from aws_cdk import CfnResource, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import custom_resources as custom
from constructs import Construct


class ParametersPutOnce(Construct):
    """SSM parameters whose values no template owns.

    An ``AWS::SSM::Parameter`` would not do: when any of its properties changes in the template, even its description,
    CloudFormation writes the template's value over the present one, and so does a deployment that reverts drift. Here
    each creation and update puts the first value without overwriting, so a value that is there stays, and a parameter
    that somebody deleted comes back with the next change of the template. A deletion changes nothing: neither that of
    the stack, nor the rollback of a deployment.

    Args:
        scope: Parent.
        construct_id: Id in the parent.
        values: Names of the parameters, with the first value of each. Each is a child, called by the last part of its
            name.
        description: What they are, for whoever looks at them.
    """

    def __init__(self, scope: Construct, construct_id: str, *, values: Mapping[str, str], description: str) -> None:
        super().__init__(scope, construct_id)
        self.parameter_names = tuple(values)
        log_group = logs.LogGroup(
            self, "Logs", retention=logs.RetentionDays.THREE_MONTHS, removal_policy=RemovalPolicy.DESTROY
        )
        self._role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description="Puts SSM parameters that are absent",
        )
        log_group.grant_write(self._role)
        self._allow("ssm:PutParameter")
        self._resources: dict[str, custom.AwsCustomResource] = {}
        for name, value in values.items():
            call = custom.AwsSdkCall(
                service="SSM",
                action="PutParameter",
                parameters={"Name": name, "Value": value, "Type": "String", "Description": description},
                physical_resource_id=custom.PhysicalResourceId.of(name),
                ignore_error_codes_matching="ParameterAlreadyExists",
            )
            self._resources[name] = custom.AwsCustomResource(
                self,
                "".join(word.capitalize() for word in name.rpartition("/")[2].split("-")),
                on_create=call,
                on_update=call,
                role=self._role.without_policy_updates(),
                install_latest_aws_sdk=False,
                log_group=log_group,
                resource_type="Custom::ParameterPutOnce",
            )
            # Without its permissions, which are a resource of their own, the call would fail.
            self._resources[name].node.add_dependency(self._role)
            self._cfn(name).apply_removal_policy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)

    def remove_with_stack(self) -> None:
        """Have the parameters deleted when the stack is deleted."""
        self._allow("ssm:DeleteParameter")
        for name in self.parameter_names:
            call = {
                "action": "DeleteParameter",
                "service": "SSM",
                "ignoreErrorCodesMatching": "ParameterNotFound",
                "parameters": {"Name": name},
            }
            # What the construct would render; it takes no calls once it exists.
            self._cfn(name).add_property_override("Delete", json.dumps(call, separators=(",", ":")))
            self._cfn(name).apply_removal_policy(RemovalPolicy.DESTROY)

    def _cfn(self, name: str) -> CfnResource:
        return cast(CfnResource, self._resources[name].node.find_child("Resource").node.default_child)

    def _allow(self, action: str) -> None:
        self._role.add_to_policy(
            iam.PolicyStatement(
                actions=[action],
                resources=[
                    Stack.of(self).format_arn(service="ssm", resource="parameter", resource_name=name.lstrip("/"))
                    for name in self.parameter_names
                ],
            )
        )
