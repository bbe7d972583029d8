"""ECS services, and the events about them."""

from __future__ import annotations

import json
from typing import Any

from pythonbase_localcloud.testing.callers import unique, wait_for
from pythonbase_localcloud.testing.cloud import UPSTREAM, Cloud

SERVES = "import signal, time; signal.signal(signal.SIGTERM, lambda *_: exit(0)); time.sleep(600)"
_BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}


class Service:
    """A service of one task, and the events about it."""

    def __init__(self, cloud: Cloud, **configuration: Any) -> None:
        self.cloud, self.ecs, self.name = cloud, cloud.client("ecs"), unique("service")
        self.ecs.create_cluster(clusterName=self.name)
        self._listen()
        created = self.ecs.create_service(
            cluster=self.name,
            serviceName=self.name,
            taskDefinition=self.register(SERVES),
            desiredCount=1,
            deploymentConfiguration={**_BREAKER, **configuration},
        )
        self.arn = created["service"]["serviceArn"]

    def _listen(self) -> None:
        sqs, events = self.cloud.client("sqs"), self.cloud.client("events")
        url = sqs.create_queue(QueueName=self.name)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [statement]})})
        service = f"arn:aws:ecs:{self.cloud.region}:{self.cloud.account}:service/{self.name}/{self.name}"
        events.put_rule(Name=self.name, EventPattern=json.dumps({"source": ["aws.ecs"], "resources": [service]}))
        events.put_targets(Rule=self.name, Targets=[{"Id": "q", "Arn": arn}])
        self._sqs, self._url = sqs, url
        self._received: list[dict[str, Any]] = []

    def register(self, program: str) -> str:
        """A revision of the task definition that runs a Python program."""
        container = {"name": "app", "image": UPSTREAM, "memory": 64, "command": ["python3", "-c", program]}
        definition = self.ecs.register_task_definition(family=self.name, containerDefinitions=[container])
        return str(definition["taskDefinition"]["taskDefinitionArn"])

    def update(self, program: str) -> str:
        """Deploy another revision; the deployment's id."""
        revision = self.register(program)
        service = self.ecs.update_service(cluster=self.name, service=self.name, taskDefinition=revision)["service"]
        (deployment,) = [item for item in service["deployments"] if item["taskDefinition"] == revision]
        return str(deployment["id"])

    def get(self) -> dict[str, Any]:
        """DescribeServices."""
        return dict(self.ecs.describe_services(cluster=self.name, services=[self.name])["services"][0])

    def steady(self) -> dict[str, Any]:
        """The service once it has one deployment, which is complete."""

        def check() -> dict[str, Any] | None:
            service = self.get()
            states = [item["rolloutState"] for item in service["deployments"]]
            return service if states == ["COMPLETED"] and "steady state" in service["events"][0]["message"] else None

        return wait_for(check)

    def messages(self) -> list[str]:
        """Event messages without the service's name, oldest first."""
        return [event["message"].removeprefix(f"(service {self.name}) ") for event in reversed(self.get()["events"])]

    def events(self) -> list[str]:
        """Names of the events that came until now, in the order of the queue."""
        while messages := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self._received.append(json.loads(message["Body"]))
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return [event["detail"]["eventName"] for event in self._received]

    def event(self, name: str, deployment: str | None = None) -> dict[str, Any]:
        """The last event of that name."""
        self.events()
        found = [
            event
            for event in self._received
            if event["detail"]["eventName"] == name and deployment in (None, event["detail"].get("deploymentId"))
        ]
        return found[-1]

    def deployments(self) -> list[dict[str, Any]]:
        """Service deployments, newest first, once both calls that read them agree: one may end between the two."""

        def check() -> list[dict[str, Any]] | None:
            brief = self.ecs.list_service_deployments(cluster=self.name, service=self.name)["serviceDeployments"]
            arns = [item["serviceDeploymentArn"] for item in brief]
            found = self.ecs.describe_service_deployments(serviceDeploymentArns=arns)["serviceDeployments"]
            return list(found) if [item["status"] for item in brief] == [item["status"] for item in found] else None

        return wait_for(check)

    def delete(self) -> None:
        """Stop its tasks."""
        self.ecs.delete_service(cluster=self.name, service=self.name, force=True)
