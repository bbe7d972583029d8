"""Reading what is released, whenever the template changes and only then."""

from __future__ import annotations

import json
from typing import Any

from aws_cdk import CfnResource
from aws_cdk.assertions import Template

from pythonbase.release import ReleaseNames
from pythonbase.released_image import ReleasedImage
from tests.unit.synthesis import ACCOUNT, REGION, allowed, new_stack, only, trusted_by

PARAMETER = "/pythonbase/services/orders/image"


def _template(**properties: Any) -> Template:
    """A stack that reads the released image and has one more resource with these properties."""
    stack = new_stack()
    ReleasedImage(stack, "Image", names=ReleaseNames("orders"))
    CfnResource(stack, "Other", type="AWS::SNS::Topic", properties=properties)
    return Template.from_stack(stack)


def _call(template: Template) -> dict[str, Any]:
    properties = only(template, "Custom::ReleasedImage").properties
    assert properties["Create"] == properties["Update"]
    call: dict[str, Any] = json.loads(properties["Update"])
    return call


def test_the_parameter_of_the_service_is_read_at_creation_and_update() -> None:
    call = _call(_template())
    assert (call["service"], call["action"]) == ("ssm", "GetParameter")
    assert call["parameters"] == {"Name": PARAMETER}
    assert call["outputPaths"] == ["Parameter.Value"]


def test_nothing_happens_when_it_is_deleted() -> None:
    assert "Delete" not in only(_template(), "Custom::ReleasedImage").properties


def test_a_template_that_stays_the_same_is_not_read_again() -> None:
    assert _call(_template(DisplayName="one")) == _call(_template(DisplayName="one"))


def test_any_change_of_the_template_reads_it_again() -> None:
    before, after = _call(_template(DisplayName="one")), _call(_template(DisplayName="two"))
    assert before["physicalResourceId"] != after["physicalResourceId"]
    assert {**before, "physicalResourceId": ""} == {**after, "physicalResourceId": ""}


def test_the_function_may_read_this_parameter_and_write_its_log() -> None:
    template = _template()
    rights = allowed(template, "ImageRole")
    assert rights.pop("ssm:GetParameter") == {f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{PARAMETER}"}
    assert rights == {
        "logs:CreateLogStream": {"${ImageLogs.Arn}"},
        "logs:PutLogEvents": {"${ImageLogs.Arn}"},
    }
    assert trusted_by(template, "ImageRole") == ["lambda.amazonaws.com"]
