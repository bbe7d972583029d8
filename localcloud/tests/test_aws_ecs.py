"""ECS: what a service's deployments are, and what is told of them."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from pythonbase_localcloud.testing.callers import allow, caller, unique, wait_for
from pythonbase_localcloud.testing.cloud import UPSTREAM
from pythonbase_localcloud.testing.services import SERVES, Service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pythonbase_localcloud.testing.cloud import Cloud

pytestmark = pytest.mark.slow


@pytest.fixture
def service(cloud: Cloud) -> Iterator[Service]:
    service = Service(cloud)
    yield service
    service.delete()


def test_a_deployment_is_told_from_its_start_to_steady_state(service: Service) -> None:
    first = service.steady()["deployments"][0]
    assert first["rolloutStateReason"] == f"ECS deployment {first['id']} completed."
    task = service.ecs.list_tasks(cluster=service.name, serviceName=service.name)["taskArns"][0].rsplit("/", 1)[-1]
    assert service.messages() == [
        f"has started 1 tasks: (task {task}).",
        f"(deployment {first['id']}) deployment completed.",
        "has reached a steady state.",
    ]
    wait_for(
        lambda: (
            sorted(service.events())
            == ["SERVICE_DEPLOYMENT_COMPLETED", "SERVICE_DEPLOYMENT_IN_PROGRESS", "SERVICE_STEADY_STATE"]
        )
    )
    completed = service.event("SERVICE_DEPLOYMENT_COMPLETED")
    assert completed["detail-type"] == "ECS Deployment State Change"
    assert completed["resources"] == [service.arn]
    assert {key: completed["detail"][key] for key in ("eventType", "deploymentId", "reason")} == {
        "eventType": "INFO",
        "deploymentId": first["id"],
        "reason": f"ECS deployment {first['id']} completed.",
    }
    steady = service.event("SERVICE_STEADY_STATE")
    assert steady["detail-type"] == "ECS Service Action"
    assert steady["detail"]["clusterArn"].endswith(f":cluster/{service.name}")


def test_the_digest_that_runs_is_shown_for_an_image_by_tag(service: Service) -> None:
    service.steady()
    expected = service.cloud.run(
        "docker", "image", "inspect", "--format", "{{index .RepoDigests 0}}", UPSTREAM
    ).stdout.strip()
    arns = service.ecs.list_tasks(cluster=service.name, serviceName=service.name)["taskArns"]
    (task,) = service.ecs.describe_tasks(cluster=service.name, tasks=arns)["tasks"]
    assert task["containers"][0]["imageDigest"] == expected.partition("@")[2] != ""
    (deployment,) = service.deployments()
    (revision,) = service.ecs.describe_service_revisions(
        serviceRevisionArns=[deployment["targetServiceRevision"]["arn"]]
    )["serviceRevisions"]
    assert revision["containerImages"] == [
        {"containerName": "app", "image": UPSTREAM, "imageDigest": expected.partition("@")[2]}
    ]
    assert revision["taskDefinition"] == service.get()["taskDefinition"]
    # A task that no service started has one too.
    run = service.ecs.run_task(cluster=service.name, taskDefinition=service.get()["taskDefinition"])["tasks"][0]
    wait_for(
        lambda: (
            service.ecs.describe_tasks(cluster=service.name, tasks=[run["taskArn"]])["tasks"][0]["containers"][0].get(
                "imageDigest"
            )
            == expected.partition("@")[2]
        )
    )
    service.ecs.stop_task(cluster=service.name, task=run["taskArn"])


def test_a_deployment_that_the_circuit_breaker_ends_is_rolled_back_and_leaves(service: Service) -> None:
    first = service.steady()["deployments"][0]
    broken = service.update("exit(3)")
    failed = wait_for(
        lambda: next((d for d in service.get()["deployments"] if d["rolloutState"] == "FAILED"), None), seconds=90
    )
    assert failed["id"] == broken
    wait_for(lambda: "deployment failed" in " ".join(service.messages()))
    steady = service.steady()
    assert [(item["id"], item["status"]) for item in steady["deployments"]] == [(first["id"], "PRIMARY")]
    messages = service.messages()
    assert messages.index(f"(deployment {broken}) deployment failed: tasks failed to start.") < messages.index(
        f"rolling back to deployment {first['id']}."
    )
    assert any(text.startswith("is unable to consistently start tasks successfully") for text in messages)
    assert service.event("SERVICE_DEPLOYMENT_FAILED")["detail"] == {
        **service.event("SERVICE_DEPLOYMENT_FAILED")["detail"],
        "eventType": "ERROR",
        "deploymentId": broken,
        "reason": "ECS deployment circuit breaker: tasks failed to start.",
    }
    rolling_back = service.event("SERVICE_DEPLOYMENT_IN_PROGRESS", first["id"])
    assert rolling_back["detail"]["reason"] == (
        f"ECS deployment circuit breaker: rolling back to deploymentId {first['id']}."
    )
    rolled_back, original = service.deployments()
    assert (rolled_back["status"], original["status"]) == ("ROLLBACK_SUCCESSFUL", "SUCCESSFUL")
    assert rolled_back["rollback"]["serviceRevisionArn"] == original["targetServiceRevision"]["arn"]
    assert rolled_back["sourceServiceRevisions"][0]["arn"] == original["targetServiceRevision"]["arn"]
    assert rolled_back["deploymentCircuitBreaker"]["status"] == "TRIGGERED"


def test_a_deployment_in_progress_that_is_replaced_leaves_once_drained(service: Service) -> None:
    first = service.steady()["deployments"][0]["id"]
    second = service.update(f"import time; time.sleep(0.1); {SERVES}")
    third = service.update(f"pass; {SERVES}")
    shown = {item["id"]: item["status"] for item in service.get()["deployments"]}
    assert shown == {first: "ACTIVE", second: "ACTIVE", third: "PRIMARY"}
    wait_for(lambda: service.get().get("currentServiceDeployment") == service.deployments()[0]["serviceDeploymentArn"])
    assert [item["id"] for item in service.steady()["deployments"]] == [third]
    assert [item["status"] for item in service.deployments()] == ["SUCCESSFUL", "STOPPED", "SUCCESSFUL"]
    assert "currentServiceDeployment" not in service.get()
    assert not any(second in text for text in service.messages() if "completed" in text)


def test_a_strategy_is_accepted_and_returned(cloud: Cloud) -> None:
    service = Service(cloud, strategy="BLUE_GREEN", bakeTimeInMinutes=5)
    configuration = service.get()["deploymentConfiguration"]
    assert (configuration["strategy"], configuration["bakeTimeInMinutes"]) == ("BLUE_GREEN", 5)
    service.delete()


def test_service_deployments_are_permitted_by_service(service: Service) -> None:
    allowed = caller(service.cloud, allow("ecs:ListServiceDeployments", on=service.arn))("ecs")
    assert wait_for(
        lambda: allowed.list_service_deployments(cluster=service.name, service=service.name)["serviceDeployments"]
    )
    other = caller(service.cloud, allow("ecs:ListServiceDeployments", on=f"{service.arn}-other"))("ecs")
    with pytest.raises(ClientError, match="AccessDenied"):
        other.list_service_deployments(cluster=service.name, service=service.name)


def _template(cluster: str, program: str) -> str:
    container = {"Name": "app", "Image": UPSTREAM, "Memory": 64, "Command": ["python3", "-c", program]}
    return json.dumps(
        {
            "Resources": {
                "Task": {
                    "Type": "AWS::ECS::TaskDefinition",
                    "Properties": {"Family": cluster, "ContainerDefinitions": [container]},
                },
                "Service": {
                    "Type": "AWS::ECS::Service",
                    "Properties": {
                        "Cluster": cluster,
                        "ServiceName": cluster,
                        "DesiredCount": 1,
                        "TaskDefinition": {"Ref": "Task"},
                        "DeploymentConfiguration": {"DeploymentCircuitBreaker": {"Enable": True, "Rollback": True}},
                    },
                },
            }
        }
    )


def test_a_stack_waits_for_the_deployment_and_fails_with_the_circuit_breaker(cloud: Cloud) -> None:
    name, stacks, ecs = unique("stack"), cloud.client("cloudformation"), cloud.client("ecs")
    ecs.create_cluster(clusterName=name)

    def ended() -> str | None:
        status = str(stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])
        return None if status.endswith("_IN_PROGRESS") else status

    def deployments() -> list[dict[str, Any]]:
        return list(ecs.describe_services(cluster=name, services=[name])["services"][0]["deployments"])

    stacks.create_stack(StackName=name, TemplateBody=_template(name, SERVES))
    assert wait_for(ended) == "CREATE_COMPLETE"
    (first,) = deployments()
    assert first["rolloutState"] == "COMPLETED"
    stacks.update_stack(StackName=name, TemplateBody=_template(name, f"pass; {SERVES}"))
    assert wait_for(ended) == "UPDATE_COMPLETE"
    second = deployments()[0]
    assert (second["rolloutState"], second["id"] != first["id"]) == ("COMPLETED", True)
    stacks.update_stack(StackName=name, TemplateBody=_template(name, "exit(3)"))
    assert wait_for(ended, seconds=120) == "UPDATE_ROLLBACK_COMPLETE"
    reasons = [
        event.get("ResourceStatusReason", "")
        for event in stacks.describe_stack_events(StackName=name)["StackEvents"]
        if event["ResourceStatus"] == "UPDATE_FAILED"
    ]
    assert any("ECS Deployment Circuit Breaker was triggered" in reason for reason in reasons)
    (primary,) = [deployment for deployment in deployments() if deployment["status"] == "PRIMARY"]
    definition = ecs.describe_task_definition(taskDefinition=primary["taskDefinition"])["taskDefinition"]
    assert definition["containerDefinitions"][0]["command"][-1] == f"pass; {SERVES}"
    time.sleep(1)
    stacks.delete_stack(StackName=name)
