"""How a template names the image that is released."""

from __future__ import annotations

import pytest
from aws_cdk import App, CfnOutput, Stack

from pythonbase import BaseImage, BaseImageReference, ReleaseNames, ReleaseParameters, ReleaseState
from pythonbase.services._released_image import released_image
from tests.unit.synthesis import ACCOUNT, CONTEXT, REGION


def _stacks() -> tuple[App, Stack, Stack]:
    app = App(context=CONTEXT)
    return app, Stack(app, "OrdersState"), Stack(app, "Orders")


def _base() -> BaseImageReference:
    return BaseImage.from_registry(account=ACCOUNT, region=REGION, name="pythonbase")


def test_it_is_a_dynamic_reference_without_a_version() -> None:
    _, _, stack = _stacks()
    names = ReleaseNames("orders", "staging")
    assert stack.resolve(released_image(stack, names)) == "{{resolve:ssm:/pythonbase/services/orders/staging/image}}"


@pytest.mark.parametrize("environment", [None, "staging"])
def test_a_record_in_the_stack_that_reads_it_is_refused(environment: str | None) -> None:
    app, _, stack = _stacks()
    names = ReleaseNames("orders", environment)
    if environment:
        ReleaseParameters(stack, "Release", names=names, base_image=_base())
    else:
        ReleaseState(stack, "Release", service_name="orders", base_image=_base())
    released_image(stack, names)
    with pytest.raises(RuntimeError) as refused:
        app.synth()
    told = str(refused.value)
    assert f"the record of the releases of {names.deployed_name} (Orders/Release/Record) is in this stack" in told
    assert "Give ReleaseState or ReleaseParameters a stack of its own" in told


def test_a_record_elsewhere_and_records_of_others_are_not() -> None:
    app, state, stack = _stacks()
    ReleaseState(state, "Release", service_name="orders", base_image=_base())
    ReleaseState(stack, "Other", service_name="billing", base_image=_base())
    CfnOutput(stack, "Image", value=released_image(stack, ReleaseNames("orders")))
    app.synth()
