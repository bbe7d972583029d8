"""`up`, `down`, `clean`, `status`: the life of an instance."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace

from pythonbase_localcloud import docker_hub
from pythonbase_localcloud.box import cgroups, container_box, namespace_box
from pythonbase_localcloud.box.init import engine_answers
from pythonbase_localcloud.instance import DEFAULT_ACCOUNT, DEFAULT_REGION, Instance
from pythonbase_localcloud.machine.commands import LocalCloudError
from pythonbase_localcloud.machine.locks import held
from pythonbase_localcloud.machine.progress import Report, reporter
from pythonbase_localcloud.setup import configuration
from pythonbase_localcloud.setup.running import find_box, server_is_well
from pythonbase_localcloud.setup.starter import Starter

_ENDING_SECONDS = 10.0
DEFAULT_UPSTREAMS = ("public.ecr.aws/docker/library/python:3.13-slim",)


def up(
    instance: Instance,
    *,
    account: str = DEFAULT_ACCOUNT,
    region: str = DEFAULT_REGION,
    upstreams: Sequence[str] = DEFAULT_UPSTREAMS,
    report: Report | None = None,
    server: Sequence[str] = configuration.SERVER,
    docker_hub: bool = False,
) -> Instance:
    """Start the instance, or bring a running one up to date; returns it when the AWS endpoint answers.

    `upstreams` are image references that builds start from: pulled if their registry answers, else stood in for.
    `server` is the AWS server's command line. `docker_hub`: stand in for Docker Hub even where it answers.
    Raises `LocalCloudError` with what to do if the machine lacks something.
    """
    say = report or reporter()
    with held(instance.lock):
        starter = Starter(instance, account=account, region=region, report=say, server=server, docker_hub=docker_hub)
        running = find_box(instance)
        if running is not None and running.is_running():
            starter.refresh(running, upstreams)
        else:
            starter.start(upstreams)
    return instance


def down(instance: Instance, *, report: Report | None = None) -> None:
    """Stop everything that `up` started, keep all state. Raises `LocalCloudError` if something is left."""
    say = report or reporter()
    if not instance.home.exists():
        return
    with held(instance.lock):
        _down(instance, say)


def clean(instance: Instance, *, report: Report | None = None) -> None:
    """`down`, then remove the instance's directory with all it holds, the cache of downloads included."""
    say = report or reporter()
    if not instance.home.exists():
        return
    # instances of tests live inside the directory
    for record in instance.home.glob(f"*/run/{namespace_box.RECORD_FILE}"):
        down(replace(instance, home=record.parents[1]), report=say)
    with held(instance.lock):
        found = find_box(instance)
        _down(instance, say)
        if isinstance(found, container_box.ContainerBox) and os.geteuid() != 0:
            found.remove_files()
        shutil.rmtree(instance.home)
        say(f"removed {instance.home}")


def status(instance: Instance) -> list[str]:
    """Lines for people: what runs, where, and what is wrong."""
    running = find_box(instance)
    if running is None or not running.is_running():
        return ["the local cloud is not running"]
    phase, error = namespace_box.state(instance)
    lines = [f"the local cloud is running ({type(running).__name__}, phase {phase or 'starting'})"]
    answers = "answers" if server_is_well(instance) else "does not answer"
    lines.append(f"AWS endpoint  {instance.endpoint_url} ({answers})")
    ready = "answers" if engine_answers(str(instance.docker_socket)) else "does not answer"
    lines.append(f"Docker engine {instance.docker_host} ({ready})")
    hub = docker_hub.control(instance)
    lines += [f"Docker Hub    is stood in for, {hub.pulls()} pulls counted"] if hub.runs() else []
    lines += [f"problem       {error}"] if error else []
    lines.append(f"services      {instance.load_balancer_url('<load balancer>')}")
    lines.append(f"logs          {instance.logs}")
    return lines


def _down(instance: Instance, report: Report) -> None:
    found = find_box(instance)
    if found is not None:
        if found.is_running():
            report("stops the AWS server, the containers and the Docker engine")
        found.stop()
        # Programs outside that talked to it, such as a Docker client, end a moment later.
        end = time.monotonic() + _ENDING_SECONDS
        while (left := found.leftovers()) and time.monotonic() < end:
            time.sleep(0.2)
        if left:
            raise LocalCloudError("still there after stopping: " + ", ".join(left))
        report("stopped; state is kept in " + str(instance.home))
    cgroups.remove(instance.identifier)
    if instance.run_alias is not None:
        instance.run_alias.unlink(missing_ok=True)
    shutil.rmtree(instance.run, ignore_errors=True)
