"""Faults that tests inject reach every caller of the embedded AWS but root, and are counted."""

from __future__ import annotations

import io
import json
import time
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from pythonbase_localcloud.controls import faults
from pythonbase_localcloud.testing.callers import allow, caller, service_role, unique, wait_for
from pythonbase_localcloud.testing.registry_client import RegistryClient
from pythonbase_localcloud.testing.state_machines import Machine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pythonbase_localcloud.testing.cloud import Cloud

pytestmark = pytest.mark.slow


@pytest.fixture
def control(cloud: Cloud) -> Iterator[faults.Control]:
    with faults.control(cloud.instance).cleared() as control:
        yield control


def _code(client: Any, name: str) -> str:
    try:
        client.get_parameters(Names=[name])
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def test_an_error_is_met_so_many_times_and_by_roles_only(cloud: Cloud, control: faults.Control) -> None:
    ssm = caller(cloud, allow("ssm:GetParameters"))("ssm")
    # The client of the test tries twice.
    order = control.fail("ssm:GetParameters", error="ThrottlingException", times=3)
    cloud.client("ssm").get_parameters(Names=["a"])
    assert _code(ssm, "a") == "ThrottlingException"
    assert _code(ssm, "a") == ""
    log = control.log()
    assert [(item.what, item.effect) for item in log] == [("ssm:GetParameters", "ThrottlingException")] * 3
    assert all(":assumed-role/role-" in item.by for item in log)
    assert [(item.id, item.injected, item.over) for item in control.faults()] == [(order, 3, True)]
    control.clear()
    assert (control.log(), control.faults()) == ([], [])


def test_an_error_ends_with_its_time_and_is_narrowed_by_role(cloud: Cloud, control: faults.Control) -> None:
    ssm = caller(cloud, allow("ssm:GetParameters"))("ssm")
    control.fail("ssm:GetParameters", error="InternalServerError", role="somebody-else")
    assert _code(ssm, "a") == ""
    control.clear()
    control.fail("ssm:Get*", error="InternalServerError", seconds=3)
    assert _code(ssm, "a") == "InternalServerError"
    wait_for(lambda: _code(ssm, "a") == "", seconds=20)


def test_a_lost_answer_hides_what_was_done(cloud: Cloud, control: faults.Control) -> None:
    name = f"/tests/{unique('p')}"
    ssm = caller(cloud, allow("ssm:PutParameter"))("ssm")
    control.lose("ssm:PutParameter", times=1)
    # The SDK tries again and meets what the first call did.
    with pytest.raises(ClientError, match="ParameterAlreadyExists"):
        ssm.put_parameter(Name=name, Value="1", Type="String")
    assert cloud.client("ssm").get_parameter(Name=name)["Parameter"]["Value"] == "1"


def test_a_delay_is_waited_for(cloud: Cloud, control: faults.Control) -> None:
    ssm = caller(cloud, allow("ssm:GetParameters"))("ssm")
    control.delay("ssm:GetParameters", by=1.5, times=1)
    started = time.monotonic()
    assert _code(ssm, "a") == ""
    assert time.monotonic() - started >= 1.5


@pytest.mark.parametrize(
    ("service", "call"), [("s3", "list_buckets"), ("lambda", "list_functions"), ("sns", "list_topics")]
)
def test_an_error_has_the_form_of_its_services_protocol(
    cloud: Cloud, control: faults.Control, service: str, call: str
) -> None:
    control.fail(f"{service}:*", error="SlowDown", message="not now")
    client = caller(cloud, allow(f"{service}:*"))(service)
    with pytest.raises(ClientError) as error:
        getattr(client, call)()
    assert error.value.response["Error"]["Code"] == "SlowDown"
    assert error.value.response["Error"]["Message"] == "not now"


def test_an_order_that_means_nothing_is_refused(control: faults.Control) -> None:
    with pytest.raises(faults.FaultsError, match="a fault needs an action"):
        control.fail("", error="X")
    with pytest.raises(faults.FaultsError, match="a call fails with an error"):
        control.fail("ssm:*", error="")
    assert control.faults() == []


def test_only_root_may_inject(cloud: Cloud) -> None:
    for headers in ({}, {"x-localcloud-access-key": cloud.account, "x-localcloud-secret": "wrong"}):
        assert RegistryClient(cloud).call("DELETE", "/_localcloud/faults", headers=headers).status == 403


def _put_parameter(cloud: Cloud, **task: Any) -> Machine:
    role = service_role(cloud, "states.amazonaws.com", allow("ssm:PutParameter"))
    return Machine(
        cloud,
        role,
        Resource="arn:aws:states:::aws-sdk:ssm:putParameter",
        Parameters={"Name": f"/tests/{unique('p')}", "Value": "1", "Type": "String"},
        **task,
    )


def test_a_state_machine_meets_each_error_once_and_its_retry_sees_the_name(
    cloud: Cloud, control: faults.Control
) -> None:
    control.fail("ssm:PutParameter", error="InternalServerError", times=2)
    once = _put_parameter(cloud).run()
    assert (once["status"], once["error"]) == ("FAILED", "Ssm.InternalServerErrorException")
    control.clear()
    control.fail("ssm:PutParameter", error="InternalServerError", times=2)
    retry = {"ErrorEquals": ["Ssm.InternalServerErrorException"], "IntervalSeconds": 1, "MaxAttempts": 2}
    assert _put_parameter(cloud, Retry=[retry]).run()["status"] == "SUCCEEDED"
    assert len(control.log()) == 2
    control.fail("ssm:PutParameter", error="InternalServerError", times=3)
    assert _put_parameter(cloud, Retry=[retry]).run()["status"] == "FAILED"


def test_an_error_that_the_operation_does_not_model_is_the_services_own(cloud: Cloud, control: faults.Control) -> None:
    role = service_role(cloud, "states.amazonaws.com", allow("ecs:UpdateService"))
    parameters = {"Cluster": "nowhere", "Service": "nothing"}
    machine = Machine(cloud, role, Resource="arn:aws:states:::aws-sdk:ecs:updateService", Parameters=parameters)
    control.fail("ecs:UpdateService", error="ThrottlingException", times=1)
    throttled = machine.run()
    assert throttled["error"] == "Ecs.EcsException"
    assert "Rate exceeded" in throttled["cause"]
    assert machine.run()["error"] == "Ecs.ServiceNotFoundException"


def test_an_optimized_integration_and_a_functions_own_calls_meet_errors(cloud: Cloud, control: faults.Control) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(
            "index.py",
            "import boto3\n\n\ndef handler(event, context):\n"
            "    return boto3.client('ssm').get_parameters(Names=['a'])['Parameters']\n",
        )
    name = unique("function")
    cloud.client("lambda").create_function(
        FunctionName=name,
        Role=service_role(cloud, "lambda.amazonaws.com", allow("ssm:GetParameters")),
        Runtime="python3.13",
        Handler="index.handler",
        Code={"ZipFile": packed.getvalue()},
    )
    role = service_role(cloud, "states.amazonaws.com", allow("lambda:InvokeFunction"))
    machine = Machine(
        cloud, role, Resource="arn:aws:states:::lambda:invoke", Parameters={"FunctionName": name, "Payload": {}}
    )
    control.fail("lambda:InvokeFunction", error="Lambda.TooManyRequestsException", times=1)
    assert machine.run()["error"] == "Lambda.TooManyRequestsException"
    control.fail("ssm:GetParameters", error="AccessDeniedException")
    assert "AccessDeniedException" in json.dumps(machine.run(), default=str)
    control.clear()
    assert machine.run()["status"] == "SUCCEEDED"


@pytest.mark.parametrize("action", ["InitiateLayerUpload", "UploadLayerPart", "CompleteLayerUpload", "PutImage"])
def test_a_push_breaks_midway_and_works_when_repeated(cloud: Cloud, control: faults.Control, action: str) -> None:
    name = unique("images")
    cloud.client("ecr").create_repository(repositoryName=name)
    registry = RegistryClient(cloud, caller(cloud, allow("ecr:*"))("ecr"))
    control.fail(f"ecr:{action}", error="INTERNAL_ERROR", status=500, times=1)
    broken = registry.put_image(name, "1")
    assert (broken.status, broken.error["code"]) == (500, "INTERNAL_ERROR")
    assert cloud.client("ecr").describe_images(repositoryName=name)["imageDetails"] == []
    assert registry.put_image(name, "1").status == 201
    assert [item.what for item in control.log()] == [f"ecr:{action}"]


class _Queue:
    """A queue that a rule fills with the events of one source."""

    def __init__(self, cloud: Cloud) -> None:
        self._sqs = cloud.client("sqs")
        self._events = cloud.client("events")
        self.source = unique("tests")
        self._url = self._sqs.create_queue(QueueName=self.source)["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self._events.put_rule(Name=self.source, EventPattern=json.dumps({"source": [self.source]}))
        self._events.put_targets(Rule=self.source, Targets=[{"Id": "q", "Arn": arn}])

    def put(self, detail_type: str) -> None:
        self._events.put_events(Entries=[{"Source": self.source, "DetailType": detail_type, "Detail": "{}"}])

    def received(self, *, seconds: float) -> list[tuple[str, str]]:
        """Detail types and ids that come within the time."""
        found, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            for message in self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages", []):
                event = json.loads(message["Body"])
                found.append((event["detail-type"], event["id"]))
            time.sleep(0.1)
        return sorted(found)


def test_events_are_doubled_dropped_and_late(cloud: Cloud, control: faults.Control) -> None:
    queue = _Queue(cloud)
    control.duplicate_events(queue.source, "Twice", times=1)
    control.drop_events(queue.source, "Never")
    control.delay_events(queue.source, "Late", by=3)
    for detail_type in ("Twice", "Never", "Late", "Once", "Twice"):
        queue.put(detail_type)
    received = queue.received(seconds=2)
    assert [item[0] for item in received] == ["Once", "Twice", "Twice", "Twice"]
    assert len({item[1] for item in received}) == 3, "a doubled event has one id"
    assert [item[0] for item in queue.received(seconds=3)] == ["Late"]
    assert sorted(item.effect for item in control.log()) == ["delay", "drop", "duplicate"]


def test_a_schedule_runs_on_demand(cloud: Cloud, control: faults.Control) -> None:
    parameter, name = f"/tests/{unique('p')}", unique("s")
    role = service_role(cloud, "scheduler.amazonaws.com", allow("ssm:PutParameter"))
    cloud.client("scheduler").create_schedule(
        Name=name,
        ScheduleExpression="rate(6 hours)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": "arn:aws:scheduler:::aws-sdk:ssm:putParameter",
            "RoleArn": role,
            "Input": json.dumps({"Name": parameter, "Value": "now", "Type": "String"}),
        },
    )
    assert cloud.client("ssm").get_parameters(Names=[parameter])["Parameters"] == []
    control.run_now(name)
    wait_for(lambda: cloud.client("ssm").get_parameters(Names=[parameter])["Parameters"], seconds=10)
    with pytest.raises(faults.FaultsError, match="there is no schedule nothing in group default"):
        control.run_now("nothing")
