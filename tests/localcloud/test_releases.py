"""One digest from build to production, what `cdk deploy` keeps of it, and the way back."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pythonbase_localcloud.testing.cloud import ROOT
from trials.fault_table import changes
from trials.fault_table.releases import release
from trials.fault_table.world import GATED, World, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("releases", order=5)]


def _images(world: World, repository: str) -> int:
    return len(world.clients("ecr").describe_images(repositoryName=repository)["imageDetails"])


def test_production_gets_the_digest_that_staging_verified_once_somebody_approved(world: World) -> None:
    pipeline, before, images = world.pipeline(GATED), world.production.recorded(), _images(world, GATED)
    name = world.next_version()
    commit = pipeline.push(changes.version(name), f"Version {name}")
    asked = pipeline.approval("ApproveProduction")

    staged = world.staging.recorded()
    assert world.staging.running() == {staged} != {before}
    assert world.staging.get().split()[0] == name
    assert world.production.running() == {before} == {world.production.recorded()}
    (action,) = [
        item
        for item in world.clients("codepipeline").list_action_executions(pipelineName=GATED)["actionExecutionDetails"]
        if item["stageName"] == "ApproveProduction" and item["status"] == "InProgress"
    ]
    message = action["input"]["resolvedConfiguration"]["CustomData"]
    assert message == f"Commit {commit} by Ada Example to gate-production: {world.staging.parameter('image')}"

    pipeline.decide(asked, "Approved", "looks good")
    assert pipeline.wait_for_end(commit)["status"] == "Succeeded"
    assert world.production.recorded() == staged
    assert world.production.running() == {staged}
    assert world.production.get().split()[0] == name
    assert world.production.release()["commit"] == commit
    assert world.production.release()["by"] == "Ada Example"
    assert _images(world, GATED) == images + 1


def test_a_digest_that_fails_in_staging_never_reaches_production(world: World) -> None:
    pipeline, staged, before = world.pipeline(GATED), world.staging.recorded(), world.production.recorded()
    execution = pipeline.wait_for_end(pipeline.push(changes.never_healthy, "Never healthy"))
    where, why = pipeline.failure(execution)
    assert (execution["status"], where) == ("Failed", "Staging"), why
    assert pipeline.stages_of(execution) == ["Source", "Build", "Staging"]
    world.settle()
    assert world.staging.running() == {staged} == {world.staging.recorded()}
    assert world.production.running() == {before} == {world.production.recorded()}


def test_a_pipeline_fails_within_a_minute_of_ecs_giving_up(world: World) -> None:
    pipeline = world.pipeline()
    execution = pipeline.wait_for_end(pipeline.push(changes.never_healthy, "Never healthy"))
    (action,) = [
        item
        for item in world.clients("codepipeline").list_action_executions(
            pipelineName=pipeline.name, filter={"pipelineExecutionId": execution["pipelineExecutionId"]}
        )["actionExecutionDetails"]
        if item["status"] == "Failed"
    ]
    events = world.shop.ecs_service()["events"]
    gave_up = max(event["createdAt"] for event in events if "deployment failed" in event["message"])
    assert 0 <= (action["lastUpdateTime"] - gave_up).total_seconds() < 60
    pipeline.settle()
    release(world)


def test_a_template_change_right_after_a_release_keeps_it_and_the_diff_shows_only_the_change(world: World) -> None:
    name = release(world)
    digest = world.shop.recorded()
    template = world.change_template()
    diff = _cdk(world, "diff", "Shop")
    assert _changed(diff) == ["AWS::ECS::TaskDefinition"]
    (before, after) = re.findall(r"^ +.*\[([-+])\] .*", diff, re.MULTILINE)
    assert (before, after) == ("-", "+"), diff
    assert digest not in diff

    world.deploy_shop()
    assert _image_of_the_stack(world) == digest
    world.settle()
    wait_until(lambda: world.shop.get() == f"{name} {template}", f"{name} on template {template}")
    assert world.shop.recorded() == digest
    assert world.shop.running() == {digest}


def test_a_change_of_anything_else_in_the_stack_keeps_a_release_too(world: World) -> None:
    name = release(world)
    digest = world.shop.recorded()
    world.config.write_text(world.config.read_text().replace("- name: shop", "- name: shop\n    max_count: 3"))
    assert _changed(_cdk(world, "diff", "Shop")) == ["AWS::ApplicationAutoScaling::ScalableTarget"]
    world.deploy_shop()
    assert _image_of_the_stack(world) == digest
    world.settle()
    assert world.shop.get().split()[0] == name
    assert world.shop.running() == {digest} == {world.shop.recorded()}


def test_the_history_says_when_which_commit_and_who(world: World) -> None:
    name = release(world)
    listed = _pythonbase(world, "releases", "shop")
    newest = listed.splitlines()[1]
    assert newest.startswith("*"), listed
    for part in (world.shop.recorded()[7:19], world.shop.release()["commit"][:12], "Ada Example", "pipeline execution"):
        assert part in newest, (name, listed)
    described = json.loads(_pythonbase(world, "releases", "shop", "--format", "json"))
    assert described[0]["digest"] == world.shop.recorded()
    assert described[0]["base_image"].partition("@")[2].startswith("sha256:")
    assert described[0]["image_exists"] is True
    assert [item["version"] for item in described] == sorted((item["version"] for item in described), reverse=True)


def test_a_release_that_could_not_be_recorded_is_not_in_the_history(world: World) -> None:
    before = _pythonbase(world, "releases", "shop")
    described = {**world.shop.release(), "image": world.shop.parameter("image")[:-8] + "00000000"}
    # As far as a release comes that loses SSM between its last two writes.
    world.clients("ssm").put_parameter(
        Name="/pythonbase/services/shop/release", Value=json.dumps(described), Type="String", Overwrite=True
    )
    assert _pythonbase(world, "releases", "shop") == before
    release(world)
    newest, *others = _pythonbase(world, "releases", "shop").splitlines()[1:]
    assert newest.startswith("*")
    assert [line.split()[:4] for line in others] == [
        line.removeprefix("*").split()[:4] for line in before.splitlines()[1:]
    ]


def test_an_environment_goes_back_alone(world: World) -> None:
    staged = world.staging.recorded()
    refused = _run(world, "rollback", GATED)
    assert refused.returncode == 1
    assert "has the environments production, staging: name one with --environment" in refused.stderr

    before = world.production.recorded()
    _pythonbase(world, "rollback", GATED, "--environment", "production", "--reason", "too slow")
    assert world.production.recorded() != before
    assert world.production.running() == {world.production.recorded()}
    assert world.production.release()["why"] == "too slow"
    assert world.staging.recorded() == staged


def test_a_released_image_has_a_tag_that_keeps_it(world: World) -> None:
    release(world)
    ecr = world.clients("ecr")
    for target in world.targets:
        (image,) = ecr.describe_images(repositoryName=target.service, imageIds=[{"imageDigest": target.recorded()}])[
            "imageDetails"
        ]
        prefix = f"release-{target.environment}-" if target.environment else "release-"
        assert [tag for tag in image["imageTags"] if re.fullmatch(rf"{prefix}\d+", tag)], image["imageTags"]


def test_what_is_recorded_comes_back_when_something_else_runs(world: World) -> None:
    digest, service = world.shop.recorded(), world.shop.ecs_service()
    first = service["taskDefinition"].rpartition(":")[0] + ":1"
    world.clients("ecs").update_service(cluster=service["clusterArn"], service="shop", taskDefinition=first)
    # ECS's event of the completed deployment starts the reconciler.
    wait_until(lambda: world.shop.running() == {digest} and world.shop.is_steady(), f"{digest} again", seconds=120)
    world.settle()
    assert world.shop.recorded() == digest


def _image_of_the_stack(world: World) -> str:
    """The digest that `cdk deploy` itself brought: the reconciler would put another one right within seconds."""
    (definition,) = [
        resource["PhysicalResourceId"]
        for resource in world.clients("cloudformation").describe_stack_resources(StackName="Shop")["StackResources"]
        if resource["ResourceType"] == "AWS::ECS::TaskDefinition"
    ]
    described = world.clients("ecs").describe_task_definition(taskDefinition=definition)["taskDefinition"]
    return str(described["containerDefinitions"][0]["image"]).partition("@")[2]


def _changed(diff: str) -> list[str]:
    """The resources that `cdk diff` names, each with its change."""
    return re.findall(r"^\[[-+~]\] (\w+::\S+)", diff, re.MULTILINE)


def _cdk(world: World, *arguments: str) -> str:
    output = str(world.instance.home / "cdk.diff")
    command = ["cdk", *arguments, "--no-color", "-c", f"config={world.config}", "--output", output]
    return _checked(command, world)


def _pythonbase(world: World, *arguments: str) -> str:
    done = _run(world, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _run(world: World, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).parent / "pythonbase"), *arguments],
        env={**os.environ, **world.instance.environment(account=world.account, region=world.region)},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )


def _checked(command: list[str], world: World) -> str:
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **world.instance.environment(account=world.account, region=world.region)},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_of_an_image_with_another_base_no_base_image_is_recorded(world: World) -> None:
    """BuildKit gives it the base's labels all the same, if the build asks for them."""
    release(world)
    assert "/pythonbase@sha256:" in world.shop.parameter("base-image")
    name = world.next_version()

    def on_another_base(clone: Path) -> None:
        changes.version(name)(clone)
        dockerfile = clone / "Dockerfile"
        other = "FROM public.ecr.aws/docker/library/python:3.13-slim"
        dockerfile.write_text(re.sub(r"(?m)^FROM .*$", other, dockerfile.read_text()))

    pipeline = world.pipeline()
    execution = pipeline.wait_for_end(pipeline.push(on_another_base, f"Version {name}"))
    assert execution["status"] == "Succeeded", pipeline.failure(execution)
    assert world.shop.get().split()[0] == name
    assert world.shop.parameter("base-image") == "none"
    assert world.shop.release()["baseImage"] == "none"
    release(world)
    assert "/pythonbase@sha256:" in world.shop.parameter("base-image")


def test_doctor_finds_settings_that_a_release_has_lost_and_its_command_brings_them_back(world: World) -> None:
    ecs = world.clients("ecs")
    older = world.shop.ecs_service()["taskDefinition"]
    template = world.change_template()
    world.deploy_shop()
    world.settle()
    service = world.shop.ecs_service()
    assert world.shop.environment_of_tasks()["TEMPLATE"] == template
    # What a release does that began before the deployment and ended after it, if nothing stops it.
    ecs.update_service(cluster=service["clusterArn"], service=world.shop.name, taskDefinition=older)
    world.settle()
    assert world.shop.environment_of_tasks()["TEMPLATE"] != template

    findings = _doctor(world)
    (fix,) = [item["fix"] for item in findings if "does not show this" in item["what"]]
    given = json.loads(fix.partition("--input ")[2].strip("'"))
    machine = fix.partition("--state-machine-arn ")[2].partition(" ")[0]
    world.clients("stepfunctions").start_execution(stateMachineArn=machine, input=json.dumps(given))
    wait_until(lambda: world.shop.environment_of_tasks()["TEMPLATE"] == template, "the template's settings")
    world.settle()
    assert world.shop.running() == {world.shop.recorded()}
    assert [item for item in _doctor(world) if "does not show this" in item["what"]] == []


def _doctor(world: World) -> list[dict[str, str]]:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "pythonbase"), "doctor", "--config", str(world.config), "--format", "json"],
        env={**os.environ, **world.instance.environment(account=world.account, region=world.region)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    found: list[dict[str, str]] = json.loads(done.stdout)["findings"]
    return found
