"""Rollbacks with the command that people use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from trials.fault_table.releases import release
from trials.fault_table.world import World, expect


def rollback(world: World) -> str:
    """`pythonbase rollback shop`."""
    old = release(world)
    digest = world.shop.recorded()
    release(world)
    code, output = command(world, "rollback", "shop", "--reason", "the fault table")
    expect(code == 0, output)
    expect(world.shop.get().split()[0] == old, f"{world.shop.get()} answers")
    expect(world.shop.recorded() == digest, f"{world.shop.recorded()} is recorded")
    expect(world.shop.release()["why"] == "the fault table", f"the record says {world.shop.release()}")
    world.change_template()
    world.deploy_shop()
    world.settle()
    expect(world.shop.recorded() == digest and world.shop.running() == {digest}, "`cdk deploy` changed the image")
    return f"{old} answers again, also after the next `cdk deploy`"


def rollback_to_an_expired_image(world: World) -> str:
    """`pythonbase rollback shop --to` a digest that is not in the repository any more."""
    release(world)
    digest = world.shop.recorded()
    present = release(world)
    ecr = world.clients("ecr")
    images = ecr.describe_images(repositoryName="shop", imageIds=[{"imageDigest": digest}])["imageDetails"]
    ecr.batch_delete_image(repositoryName="shop", imageIds=[{"imageDigest": digest}])
    before = world.shop.ecs_service()["taskDefinition"]
    code, output = command(world, "rollback", "shop", "--to", digest)
    expect(images, "the image was not there before")
    expect(code == 1, f"exit code {code}: {output}")
    expect("is not in the repository" in output, output)
    expect(world.shop.ecs_service()["taskDefinition"] == before, "the service was touched")
    execution = _start(world, digest)
    expect("Release.ImageExpired" in execution, f"the state machine says {execution}")
    return f"refused: {output.strip()[-90:]}; {present} answers"


def _start(world: World, digest: str) -> str:
    """Ask the state machine itself for it, past the command; its error."""
    sfn = world.clients("stepfunctions")
    machine = f"arn:aws:states:{world.region}:{world.account}:stateMachine:shop-release"
    repository = world.shop.parameter("image").partition("@")[0]
    arn = sfn.start_execution(stateMachineArn=machine, input=f'{{"image": "{repository}@{digest}"}}')["executionArn"]
    world.shop.settle()
    return str(sfn.describe_execution(executionArn=arn).get("error"))


def command(world: World, *arguments: str) -> tuple[int, str]:
    """Run `pythonbase`; exit code, and everything that it said."""
    done = subprocess.run(  # noqa: S603 - this environment's own program
        [str(Path(sys.executable).parent / "pythonbase"), *arguments],
        env={**os.environ, **world.instance.environment(account=world.account, region=world.region)},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    return done.returncode, done.stdout + done.stderr
