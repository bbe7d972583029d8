"""`cdk deploy` and releases at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from trials.fault_table import changes
from trials.fault_table.world import World, expect, wait_until


def release_during_deploy(world: World) -> str:
    """A push comes while `cdk deploy` of a changed template updates the stack."""
    name, pipeline, template = world.next_version(), world.pipeline(), world.change_template()
    with ThreadPoolExecutor(1) as pool:
        deployment = pool.submit(world.deploy_shop)
        wait_until(lambda: _stack_is_busy(world) or deployment.done(), "an update of the stack", seconds=180)
        commit = pipeline.push(changes.version(name), f"Version {name}")
        deployment.result()
        execution = pipeline.wait_for_end(commit)
    world.settle()
    return _newest(world, name, template, execution["status"])


def deploy_during_release(world: World) -> str:
    """`cdk deploy` of a changed template starts while a release is being deployed."""
    name, pipeline, template = world.next_version(), world.pipeline(), world.change_template()
    with ThreadPoolExecutor(1) as pool:
        commit = pipeline.push(changes.version(name), f"Version {name}")
        pipeline.wait_for_stage(commit, "Deploy")
        deployment = pool.submit(world.deploy_shop)
        execution = pipeline.wait_for_end(commit)
        deployment.result()
    world.settle()
    return _newest(world, name, template, execution["status"])


def _stack_is_busy(world: World) -> bool:
    (stack,) = world.clients("cloudformation").describe_stacks(StackName="Shop")["Stacks"]
    return str(stack["StackStatus"]).endswith("_IN_PROGRESS")


def _newest(world: World, name: str, template: str, status: str) -> str:
    answers = f"{name} {template}"
    wait_until(lambda: world.shop.get() == answers, f"the answer {answers} instead of {world.shop.get()}")
    expect(status == "Succeeded", f"the release is {status}")
    expect(world.shop.environment_of_tasks()["TEMPLATE"] == template, "the service runs another template")
    return f"release Succeeded, deployment done; newest image ({name}) and newest template ({template}) run"
