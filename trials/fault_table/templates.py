"""What `cdk deploy` must never do to a release: a deployment that fails, drift, another base image."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from pythonbase_localcloud.machine.commands import LocalCloudError
from trials.fault_table.client import Client
from trials.fault_table.releases import release
from trials.fault_table.world import BASE_IMAGE, World, expect


@contextmanager
def _only(world: World, name: str) -> Iterator[None]:
    """No other version of the service answers, and the record stays as it is."""
    before = world.shop.recorded()
    with Client(world.shop.url) as client:
        yield
        world.settle()
    others = [answer for answer in client.answers if answer.split()[:1] != [name]]
    expect(not others, f"{name} is released, and was answered: {others}")
    expect(world.shop.recorded() == before, f"{world.shop.recorded()} is recorded instead of {before}")
    expect(world.shop.running() == {before}, f"{world.shop.running()} runs instead of {before}")


def _fails(world: World) -> None:
    try:
        world.deploy_shop()
    except LocalCloudError:
        (stack,) = world.clients("cloudformation").describe_stacks(StackName="Shop")["Stacks"]
        expect(stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE", f"the stack is {stack['StackStatus']}")
    else:
        expect(False, "`cdk deploy` succeeded")


def rolled_back(world: World) -> str:
    """`cdk deploy` fails after a release: in the service itself, and before the service is touched."""
    template = world.change_template()
    world.deploy_shop()  # the last revision that CloudFormation knows has an older image from here on
    name = release(world)
    with _only(world, name):
        world.template = "broken"
        world.write_config()
        _fails(world)
    expect(world.shop.environment_of_tasks()["TEMPLATE"] == template, "the service runs another template")
    with _only(world, name):
        world.change_template()
        denied = "AccessDeniedException"
        with world.injected(
            order=lambda faults: faults.fail("ssm:GetParameter", error=denied, role="*NewestRevision*", times=1)
        ) as faults:
            _fails(world)
            expect(faults.log(), "no call met the fault")
    expect(world.shop.environment_of_tasks()["TEMPLATE"] == template, "the service runs another template")
    newer = release(world)
    expect(world.shop.get() == f"{newer} {template}", f"{world.shop.get()} answers")
    with _only(world, newer):
        template = world.change_template()
        world.deploy_shop()
    expect(world.shop.get() == f"{newer} {template}", f"{world.shop.get()} answers")
    return f"{name} answered all the time, and the template of before; then {newer} and the next template did"


def drift_reverted(world: World) -> str:
    """`cdk deploy --revert-drift` after a release."""
    world.change_template()
    world.deploy_shop()
    name = release(world)
    with _only(world, name):
        world.deploy_shop(revert_drift=True)
    return f"{name} answered all the time"


def base_image_exchanged(world: World) -> str:
    """A second base image is written first in the list, as a team does that moves to a newer Python."""
    name, before = release(world), world.base_images
    try:
        with _only(world, name):
            shutil.copytree(
                world.instance.root / "images" / "pythonbase",
                world.folder / "images" / "python-next",
                dirs_exist_ok=True,
            )
            world.base_images = f"[{{name: python-next, path: images/python-next}}, {BASE_IMAGE}]"
            world.change_template()
            world.deploy_shop()
        newer = release(world)
        base = world.shop.parameter("base-image")
        expect("/python-next@" in base, f"{newer} was built on {base}")
    finally:
        world.base_images = before
        world.change_template()
    with _only(world, newer):
        world.deploy_shop()
    return f"{name} answered all the time; {newer} was built on the new base, and stayed when the list was as before"
