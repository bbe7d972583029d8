"""A model of the account that releases work in: ECS with its request buckets, and what else they call.

Buckets: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html, of ECR
https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html. Of Parameter Store the reads are documented
(https://docs.aws.amazon.com/general/latest/gr/ssm.html#limits_ssm); the rate of writes is a cautious guess.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Members = Mapping[str, Any]
REPOSITORY = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/orders"
DIGEST = "sha256:new"
IMAGE = f"{REPOSITORY}@{DIGEST}"
_OLD = f"{REPOSITORY}@sha256:old"


@dataclass
class Bucket:
    """Tokens that refill by the second."""

    burst: float
    refill: float
    tokens: float = field(init=False)
    at: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.burst

    def take(self, now: float) -> bool:
        """Whether the request is admitted; one that is not takes no token."""
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.refill)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class ApiError(Exception):
    """An error under the name that a state machine sees."""

    def __init__(self, name: str, cause: str) -> None:
        super().__init__(f"{name}: {cause}")
        self.name, self.cause = name, cause


@dataclass
class _Service:
    revision: int = 1
    deployment: str = "first"
    began: float = -1e9
    takes: float = 0.0


class Account:
    """All services of one account and Region.

    Args:
        seed: Of the times that deployments take, 60 to 120 seconds.
    """

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a simulation
        self._services: dict[str, _Service] = {}
        self._parameters: dict[str, tuple[str, int]] = {}
        self._locks: dict[str, str] = {}
        self.images: dict[str, str] = {}
        self.throttled: Counter[str] = Counter()
        self.updates: Counter[str] = Counter()
        services, tasks = Bucket(100, 20), Bucket(100, 20)
        self._buckets = {
            "ecs:describeServices": services,
            "ecs:describeTaskDefinition": Bucket(50, 20),
            "ecs:listTasks": tasks,
            "ecs:describeTasks": tasks,
            "ecs:registerTaskDefinition": Bucket(20, 1),
            "ecs:updateService": Bucket(50, 5),
            "ecr:putImage": Bucket(10, 10),
            "ssm:getParameter": Bucket(40, 40),
            "ssm:putParameter": Bucket(3, 3),
        }

    def call(self, api: str, members: Members, now: float) -> Any:
        """One request; raises `ApiError`."""
        bucket = self._buckets.get(api)
        service, _, verb = api.partition(":")
        if bucket and not bucket.take(now):
            self.throttled[api] += 1
            name = service.capitalize()
            raise ApiError(f"{name}.{name}Exception", "Rate exceeded")
        operation = getattr(self, f"_{service}_{verb}", None)
        if operation is None:
            raise NotImplementedError(f"the model of the account knows no {api}: add it to tests/simulation/account.py")
        return operation(members, now)

    def recorded(self, service: str) -> str:
        """The image that is recorded."""
        return self._parameters.get(f"/pythonbase/services/{service}/image", (_OLD, 1))[0]

    # -- ECS

    def _of(self, members: Members) -> tuple[str, _Service]:
        name = str(members.get("Service") or members.get("ServiceName") or members["Services"][0])
        return name, self._services.setdefault(name, _Service())

    def _described(self, name: str, now: float) -> dict[str, Any]:
        service = self._services.setdefault(name, _Service())
        done = now >= service.began + service.takes
        primary = {
            "Id": service.deployment,
            "Status": "PRIMARY",
            "TaskDefinition": f"{name}:{service.revision}",
            "RolloutState": "COMPLETED" if done else "IN_PROGRESS",
        }
        return {
            "ServiceName": name,
            "Status": "ACTIVE",
            "TaskDefinition": f"{name}:{service.revision}",
            "DesiredCount": 1,
            "Deployments": [primary],
            "Events": [{"Message": "message"}] * 10,
        }

    def _ecs_describeServices(self, members: Members, now: float) -> Any:  # noqa: N802 - named like the API
        return {"Services": [self._described(name, now) for name in members["Services"]]}

    def _ecs_describeTaskDefinition(self, members: Members, now: float) -> Any:  # noqa: N802
        del now
        arn = str(members["TaskDefinition"])
        if ":" not in arn:  # a family
            arn = f"{arn}:{1 + sum(known.startswith(f'{arn}:') for known in self.images)}"
        image = self.images.get(arn, _OLD)
        definition = {"TaskDefinitionArn": arn, "Family": arn.partition(":")[0]}
        return {"TaskDefinition": {**definition, "ContainerDefinitions": [{"Name": "app", "Image": image}]}, "Tags": []}

    def _ecs_registerTaskDefinition(self, members: Members, now: float) -> Any:  # noqa: N802
        del now
        family = str(members["Family"])
        number = 2 + sum(arn.startswith(f"{family}:") for arn in self.images)
        arn = f"{family}:{number}"
        self.images[arn] = members["ContainerDefinitions"][0]["Image"]
        return {"TaskDefinition": {"TaskDefinitionArn": arn}}

    def _ecs_updateService(self, members: Members, now: float) -> Any:  # noqa: N802
        name, service = self._of(members)
        self.updates[name] += 1
        service.revision = int(str(members["TaskDefinition"]).rpartition(":")[2])
        service.deployment = f"{name}-{self.updates[name]}"
        service.began, service.takes = now, self._random.uniform(60, 120)
        return {"Service": self._described(name, now)}

    def _ecs_listTasks(self, members: Members, now: float) -> Any:  # noqa: N802
        del now
        return {"TaskArns": [f"task/{members['ServiceName']}"]}

    def _ecs_describeTasks(self, members: Members, now: float) -> Any:  # noqa: N802
        del now
        name = str(members["Tasks"][0]).partition("/")[2]
        arn = f"{name}:{self._services[name].revision}"
        digest = self.images.get(arn, _OLD).partition("@")[2]
        task = {"TaskDefinitionArn": arn, "LastStatus": "RUNNING"}
        return {"Tasks": [{**task, "Containers": [{"Name": "app", "ImageDigest": digest}]}]}

    # -- the others

    def _ecr_batchGetImage(self, members: Members, now: float) -> Any:  # noqa: N802
        del members, now
        return {"Images": [{"ImageManifest": "{}", "ImageManifestMediaType": "type"}]}

    def _ecr_putImage(self, members: Members, now: float) -> Any:  # noqa: N802
        del members, now
        return {}

    def _ssm_getParameter(self, members: Members, now: float) -> Any:  # noqa: N802
        del now
        value, version = self._parameters.get(str(members["Name"]), (_OLD, 1))
        return {"Parameter": {"Value": value, "Version": version}}

    def _ssm_putParameter(self, members: Members, now: float) -> Any:  # noqa: N802
        del now
        version = self._parameters.get(str(members["Name"]), ("", 1))[1] + 1
        self._parameters[str(members["Name"])] = (str(members["Value"]), version)
        return {"Version": version}

    def _dynamodb_putItem(self, members: Members, now: float) -> Any:  # noqa: N802
        del now
        item = members["Item"]
        self._locks[item["Service"]["S"]] = item["Holder"]["S"]
        return {}

    def _dynamodb_updateItem(self, members: Members, now: float) -> Any:  # noqa: N802
        del now
        if self._locks.get(members["Key"]["Service"]["S"]) != members["ExpressionAttributeValues"][":me"]["S"]:
            raise ApiError("DynamoDB.ConditionalCheckFailedException", "The conditional request failed")
        return {}

    def _dynamodb_deleteItem(self, members: Members, now: float) -> Any:  # noqa: N802
        del now
        self._locks.pop(members["Key"]["Service"]["S"], None)
        return {}
