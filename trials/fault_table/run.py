"""Runs the cases one after the other."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pythonbase_localcloud.box.hosts import BITBUCKET_TOKEN
from pythonbase_localcloud.demo import aws_client, bitbucket
from pythonbase_localcloud.demo.run import Demo
from pythonbase_localcloud.instance import Instance
from pythonbase_localcloud.machine.commands import LocalCloudError
from pythonbase_localcloud.machine.progress import Report
from pythonbase_localcloud.setup import lifecycle
from trials.fault_table import approvals, changes, deployments, going_back, limits, releases, tags, templates
from trials.fault_table import bitbucket as bitbucket_faults
from trials.fault_table.client import Client
from trials.fault_table.table import Row, table
from trials.fault_table.world import REPOSITORIES, SECRET, UnexpectedError, World, expect

HOME = "faults"


@dataclass(frozen=True)
class Case:
    """A fault and what must come of it: the function says what was observed, or raises."""

    fault: str
    run: Callable[[World], str]
    is_the_service: bool = False
    """Whether the fault is the service itself, which then need not answer."""


EVERYDAY = (
    Case("build fails", releases.build_fails),
    Case("test fails", releases.test_fails),
    Case("push to ECR fails midway", releases.push_breaks),
    Case("image starts and exits", releases.image_exits),
    Case("image never healthy", releases.never_healthy),
    Case("health flaps", releases.health_flaps, is_the_service=True),
    Case("ECS API throttles", releases.ecs_throttles),
    Case("SSM write fails after a healthy deployment", releases.record_fails),
    Case("runner killed mid-deployment and started again", releases.runner_killed),
    Case("two pushes 1 second apart", releases.two_pushes),
    Case("same commit twice", releases.same_commit_twice),
    Case("cdk deploy during a release", deployments.deploy_during_release),
    Case("release during cdk deploy", deployments.release_during_deploy),
    Case("rollback to the previous", going_back.rollback),
    Case("rollback to an expired image", going_back.rollback_to_an_expired_image),
    Case("approval rejected", approvals.rejected),
    Case("approval expired", approvals.expired),
    Case("connection PENDING then AVAILABLE", bitbucket_faults.pending_then_available),
    Case("EventBridge events delivered twice", releases.events_twice),
    Case("Bitbucket API down when reporting a status", bitbucket_faults.status_api_down),
)
"""What any team meets."""

RARE = (
    Case("CloudFormation rolled back behind a release", templates.rolled_back),
    Case("drift reverted", templates.drift_reverted),
    Case("base image exchanged", templates.base_image_exchanged),
    Case("console rollback", limits.rolled_back_in_the_console),
    Case("rollback --now during a release", limits.rolled_back_now),
    Case("limit met while waiting", limits.turn_does_not_come),
    Case("throttled Register for 60 s", limits.register_throttled),
    Case("redriven execution", limits.redriven),
    Case("unreviewed tag", tags.unreviewed),
    Case("lost task in verification", limits.task_lost, is_the_service=True),
    Case("broken recorded image", limits.record_cannot_run),
)
"""What large accounts, consoles and failed deployments bring."""

CASES = (*EVERYDAY, *RARE)


def run_case(world: World, case: Case) -> Row:
    """Inject one fault while a client polls the service, and look at what is left of it."""
    started = time.monotonic()
    with Client(world.shop.url) as client:
        try:
            observed, as_it_must = case.run(world), True
            world.settle()
            for target in world.targets:
                expect(
                    target.running() == {target.recorded()},
                    f"{target.name} runs {target.running()}, and {target.recorded()} is recorded",
                )
        except (
            UnexpectedError,
            TimeoutError,
            LookupError,
            OSError,
            LocalCloudError,
            ClientError,
            BotoCoreError,
        ) as error:
            observed, as_it_must = f"{type(error).__name__}: {error}", False
        finally:
            world.faults.clear()
    if client.failures and not case.is_the_service:
        observed, as_it_must = f"{observed}; not answered: {client.failures[:3]}", False
    return Row(
        fault=case.fault,
        observed=observed,
        as_it_must=as_it_must,
        requests=client.requests,
        failed=len(client.failures),
        seconds=time.monotonic() - started,
    )


@contextmanager
def platform(instance: Instance, report: Report) -> Iterator[World]:
    """The two services, deployed and released."""
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        clients: dict[str, Any] = {}

        def client(service: str) -> Any:
            if service not in clients:
                clients[service] = aws_client.client(instance, service, account=world.account, region=world.region)
            return clients[service]

        world = World(instance=instance, account="", region="", clients=client, folder=Path(folder))
        configuration = world.write_config()
        world.account, world.region = configuration.account, configuration.region
        lifecycle.up(
            instance,
            account=world.account,
            region=world.region,
            upstreams=configuration.upstreams,
            report=report,
            docker_hub=True,
        )
        client("secretsmanager").create_secret(Name=SECRET, SecretString=json.dumps({"token": BITBUCKET_TOKEN}))
        for repository in REPOSITORIES.values():
            bitbucket.create_repository(instance, repository, "main")
        for service in REPOSITORIES:
            # Before the pipelines are there: their first execution releases it.
            world.pipeline(service).push(changes.version(world.next_version()), "The first version")
        Demo(instance, configuration, report).run()
        yield world


def run_fault_table(instance: Instance, report: Report, *, only: Sequence[str] = ()) -> str:
    """Run the cases (those whose names hold one of ``only``); the table. Raises LocalCloudError if a row is wrong."""
    chosen = [case for case in CASES if not only or any(text in case.fault for text in only)]
    if not chosen:
        raise LocalCloudError(f"no fault is called so; there are: {'; '.join(case.fault for case in CASES)}")
    home = Instance(root=instance.root, home=instance.home / HOME, cache=instance.cache)
    lifecycle.clean(home, report=lambda _: None)
    rows = []
    try:
        with platform(home, report) as world:
            for case in chosen:
                report(case.fault)
                rows.append(run_case(world, case))
                report(f"  {'ok' if rows[-1].as_it_must else 'NOT AS IT MUST BE'}: {rows[-1].observed}")
    finally:
        lifecycle.down(home, report=lambda _: None)
    text = table(rows)
    if not all(row.as_it_must for row in rows):
        raise LocalCloudError(f"faults\n\n{text}")
    return text
