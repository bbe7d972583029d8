"""The reference to a service's released image in its task definition."""

from __future__ import annotations

import jsii
from aws_cdk import CfnDynamicReference, CfnDynamicReferenceService, Stack
from constructs import Construct, IValidation

from pythonbase.releases.names import ReleaseNames
from pythonbase.releases.parameters_put_once import ParametersPutOnce


def released_image(scope: Construct, names: ReleaseNames) -> str:
    """A dynamic reference to the image parameter of a service's releases.

    Not a template parameter of type ``AWS::SSM::Parameter::Value<String>``: CloudFormation treats its new value as a
    change, so after each release ``cdk diff`` would show a digest and ``cdk deploy`` would replace the tasks.
    CloudFormation resolves a dynamic reference without a version to the latest value, and only when the template
    changes; docs/releases.md lists the sources.

    The synthesis fails if the parameter is in the scope's own stack: CloudFormation could not create that stack.

    Args:
        scope: Where it is used.
        names: Which service and environment.
    """
    scope.node.add_validation(_RecordIsElsewhere(scope, names))
    return CfnDynamicReference(CfnDynamicReferenceService.SSM, names.image_parameter).to_string()


@jsii.implements(IValidation)
class _RecordIsElsewhere:
    """CloudFormation reads the parameter before it creates anything of the stack."""

    def __init__(self, scope: Construct, names: ReleaseNames) -> None:
        self._scope, self._names = scope, names

    def validate(self) -> list[str]:
        """The error, if there is one; the CDK library calls this at synthesis."""
        stack, parameter = Stack.of(self._scope), self._names.image_parameter
        for element in stack.node.find_all():
            if isinstance(element, ParametersPutOnce) and parameter in element.parameter_names:
                return [
                    f"the record of the releases of {self._names.deployed_name} ({element.node.path}) is in this "
                    f"stack, which CloudFormation cannot create: it reads {parameter} first. Give ReleaseState or "
                    "ReleaseParameters a stack of its own, and let this one depend on it (add_stack_dependency)"
                ]
        return []
