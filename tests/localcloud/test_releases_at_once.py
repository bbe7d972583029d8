"""Fifty real releases at once, with ECS's request buckets on."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from pythonbase import ReleaseNames
from pythonbase.releases.steps import ReleaseTarget, release_steps
from pythonbase_localcloud.controls.faults import control
from pythonbase_localcloud.testing.callers import allow, service_role, unique, wait_for
from pythonbase_localcloud.testing.registry_client import RegistryClient, digest, manifest

if TYPE_CHECKING:
    from pythonbase_localcloud.testing.cloud import Cloud

RELEASES = 50
_CONTENT = b"layer"


class _Crowd:
    """Services without tasks, each with its record, its repository with one image, and its release machine."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud, self._ecs, self._ssm = cloud, cloud.client("ecs"), cloud.client("ssm")
        self._prefix = unique("crowd")
        self._cluster = self._ecs.create_cluster(clusterName=self._prefix)["cluster"]["clusterName"]
        self._locks = cloud.client("dynamodb").create_table(
            TableName=self._prefix,
            KeySchema=[{"AttributeName": "Service", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "Service", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )["TableDescription"]["TableName"]
        self._role = service_role(
            cloud, "states.amazonaws.com", allow("ecs:*", "ssm:*", "ecr:*", "dynamodb:*", "iam:PassRole", "states:*")
        )
        self.names = [ReleaseNames(f"{self._prefix}-{number}") for number in range(RELEASES)]
        self.machines = {names: self._add(names) for names in self.names}

    def image(self, names: ReleaseNames) -> str:
        config = json.dumps({"architecture": "amd64", "os": "linux", "content": _CONTENT.hex()}).encode()
        return f"{self._repository(names)}@{digest(manifest(config, _CONTENT))}"

    def _repository(self, names: ReleaseNames) -> str:
        return f"{self._cloud.account}.dkr.ecr.{self._cloud.region}.amazonaws.com/{names.repository_name}"

    def _add(self, names: ReleaseNames) -> str:
        self._cloud.client("ecr").create_repository(repositoryName=names.repository_name)
        stored = RegistryClient(self._cloud, self._cloud.client("ecr")).put_image(
            names.repository_name, "new", content=_CONTENT
        )
        assert stored.status == 201
        self._ecs.register_task_definition(
            family=names.deployed_name,
            containerDefinitions=[{"name": "app", "image": "placeholder", "memory": 128}],
        )
        self._ecs.create_service(
            cluster=self._cluster,
            serviceName=names.deployed_name,
            taskDefinition=names.deployed_name,
            desiredCount=0,
        )
        self._ssm.put_parameter(Name=names.image_parameter, Value="placeholder", Type="String")
        steps = release_steps(
            ReleaseTarget(
                names=names,
                cluster_name=self._cluster,
                container_name="app",
                registry_id=self._cloud.account,
                repository_uri=self._repository(names),
                locks_table=self._locks,
                timeout_seconds=1800,
            )
        )
        machine = self._cloud.client("stepfunctions").create_state_machine(
            name=names.state_machine_name,
            roleArn=self._role,
            definition=json.dumps(steps).replace("${Partition}", "aws"),
        )
        return str(machine["stateMachineArn"])

    def recorded(self, names: ReleaseNames) -> str:
        return str(self._ssm.get_parameter(Name=names.image_parameter)["Parameter"]["Value"])


def test_all_succeed_and_none_is_put_back(cloud: Cloud) -> None:
    crowd, sfn = _Crowd(cloud), cloud.client("stepfunctions")
    with control(cloud.instance).cleared() as injector:
        injector.limit_rates()
        began = time.monotonic()
        executions = {
            names: sfn.start_execution(
                stateMachineArn=machine, input=json.dumps({"image": crowd.image(names), "by": "Ada"})
            )["executionArn"]
            for names, machine in crowd.machines.items()
        }

        def ends() -> list[dict[str, Any]] | None:
            found = [sfn.describe_execution(executionArn=arn) for arn in executions.values()]
            return None if any(item["status"] == "RUNNING" for item in found) else found

        ended = wait_for(ends, seconds=240)
        refused = [item for item in injector.log() if item.effect == "ThrottlingException"]
    assert [item.get("cause") for item in ended if item["status"] != "SUCCEEDED"] == []
    assert len(refused) > 20, "the buckets were hardly empty, so this shows little"
    assert {item.what for item in refused} >= {"ecs:RegisterTaskDefinition"}
    assert all(crowd.recorded(names) == crowd.image(names) for names in crowd.names)
    # The bucket gives 20 at once and one a second.
    assert time.monotonic() - began > RELEASES - 20 - 5
