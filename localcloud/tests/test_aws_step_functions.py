"""State machines, rules and schedules act with their own role."""

from __future__ import annotations

import io
import json
import time
import zipfile
from typing import TYPE_CHECKING, Any

from pythonbase_localcloud.testing.callers import allow, service_role, set_policy, unique, wait_for
from pythonbase_localcloud.testing.state_machines import Machine

if TYPE_CHECKING:
    from pythonbase_localcloud.testing.cloud import Cloud

LOGS = allow("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")


def _project(cloud: Cloud, command: str = "true") -> str:
    name = unique("project")
    cloud.client("codebuild").create_project(
        name=name,
        serviceRole=service_role(cloud, "codebuild.amazonaws.com", LOGS),
        artifacts={"type": "NO_ARTIFACTS"},
        source={
            "type": "NO_SOURCE",
            "buildspec": json.dumps({"version": "0.2", "phases": {"build": {"commands": [command]}}}),
        },
        environment={"type": "LINUX_CONTAINER", "computeType": "BUILD_GENERAL1_SMALL", "image": "aws/codebuild/x"},
    )
    return name


def _project_arn(cloud: Cloud, name: str) -> str:
    return f"arn:aws:codebuild:{cloud.region}:{cloud.account}:project/{name}"


def test_an_sdk_integration_does_what_the_machines_role_may(cloud: Cloud) -> None:
    name = f"/tests/{unique('p')}"
    permission = allow("ssm:PutParameter", on=f"arn:aws:ssm:{cloud.region}:{cloud.account}:parameter{name}")
    role = service_role(cloud, "states.amazonaws.com", permission)
    machine = Machine(
        cloud,
        role,
        Resource="arn:aws:states:::aws-sdk:ssm:putParameter",
        Parameters={"Name": name, "Value.$": "$.value", "Type": "String", "Overwrite": True},
    )
    run = machine.run('{"value": "written"}')
    assert run["status"] == "SUCCEEDED"
    assert json.loads(run["output"])["Version"] == 1
    assert cloud.client("ssm").get_parameter(Name=name)["Parameter"]["Value"] == "written"
    set_policy(cloud, role, allow("ssm:GetParameter"))
    denied = machine.run('{"value": "again"}')
    assert (denied["status"], denied["error"]) == ("FAILED", "Ssm.SsmException")
    assert "is not authorized to perform: ssm:PutParameter" in denied["cause"]


def test_a_service_that_ministack_lacks_can_be_called_too(cloud: Cloud) -> None:
    role = service_role(cloud, "states.amazonaws.com", allow("codepipeline:ListPipelines"))
    run = Machine(cloud, role, Resource="arn:aws:states:::aws-sdk:codepipeline:listPipelines", Parameters={}).run()
    assert run["status"] == "SUCCEEDED"
    assert "Pipelines" in json.loads(run["output"])


def test_a_role_that_does_not_trust_step_functions_fails_the_task(cloud: Cloud) -> None:
    role = service_role(cloud, "lambda.amazonaws.com", allow("codepipeline:*"))
    run = Machine(cloud, role, Resource="arn:aws:states:::aws-sdk:codepipeline:listPipelines", Parameters={}).run()
    assert run["status"] == "FAILED"
    assert "states.amazonaws.com is not authorized to perform: sts:AssumeRole" in run["cause"]


def test_a_build_is_waited_for_and_its_failure_is_the_tasks(cloud: Cloud) -> None:
    for command, status in (("true", "SUCCEEDED"), ("false", "FAILED")):
        name = _project(cloud, command)
        role = service_role(
            cloud,
            "states.amazonaws.com",
            allow("codebuild:StartBuild", "codebuild:BatchGetBuilds", on=_project_arn(cloud, name)),
        )
        run = Machine(
            cloud, role, Resource="arn:aws:states:::codebuild:startBuild.sync", Parameters={"ProjectName": name}
        ).run()
        assert run["status"] == status
        found = json.loads(run["output"] if status == "SUCCEEDED" else run["cause"])
        assert found["Build"]["BuildStatus"] == status


def test_a_function_is_invoked_only_with_permission_and_acts_with_its_own_role(cloud: Cloud) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(
            "index.py",
            "import boto3\n\n\ndef handler(event, context):\n"
            "    return boto3.client('sts').get_caller_identity()['Arn']\n",
        )
    name = unique("function")
    function_role = service_role(cloud, "lambda.amazonaws.com")
    cloud.client("lambda").create_function(
        FunctionName=name,
        Role=function_role,
        Runtime="python3.13",
        Handler="index.handler",
        Code={"ZipFile": packed.getvalue()},
    )
    arn = f"arn:aws:lambda:{cloud.region}:{cloud.account}:function:{name}"
    role = service_role(cloud, "states.amazonaws.com", allow("lambda:InvokeFunction", on=arn))
    machine = Machine(
        cloud, role, Resource="arn:aws:states:::lambda:invoke", Parameters={"FunctionName": arn, "Payload": {}}
    )
    output = json.loads(machine.run()["output"])
    assert f":assumed-role/{function_role.rsplit('/', 1)[-1]}/" in output["Payload"]
    set_policy(cloud, role, allow("lambda:InvokeFunction", on=f"{arn}-other"))
    assert "lambda:InvokeFunction" in machine.run()["cause"]


def test_a_rule_starts_a_build_with_its_role_and_not_without_permission(cloud: Cloud) -> None:
    allowed, denied = _project(cloud), _project(cloud)
    events, source = cloud.client("events"), unique("tests")
    for name, permission in ((allowed, "codebuild:StartBuild"), (denied, "codebuild:StopBuild")):
        role = service_role(cloud, "events.amazonaws.com", allow(permission, on=_project_arn(cloud, name)))
        events.put_rule(Name=name, EventPattern=json.dumps({"source": [source]}))
        events.put_targets(Rule=name, Targets=[{"Id": "b", "Arn": _project_arn(cloud, name), "RoleArn": role}])
    events.put_events(Entries=[{"Source": source, "DetailType": "t", "Detail": "{}"}])
    codebuild = cloud.client("codebuild")
    wait_for(lambda: codebuild.list_builds_for_project(projectName=allowed)["ids"])
    assert codebuild.list_builds_for_project(projectName=denied)["ids"] == []


def test_a_schedule_starts_a_build_and_calls_any_api_with_its_role(cloud: Cloud) -> None:
    project, parameter = _project(cloud), f"/tests/{unique('p')}"
    role = service_role(
        cloud,
        "scheduler.amazonaws.com",
        allow("codebuild:StartBuild", on=_project_arn(cloud, project)),
        allow("ssm:PutParameter", on=f"arn:aws:ssm:{cloud.region}:{cloud.account}:parameter{parameter}"),
    )
    scheduler = cloud.client("scheduler")
    once = {"ScheduleExpression": "at(2026-01-01T00:00:00)", "FlexibleTimeWindow": {"Mode": "OFF"}}
    scheduler.create_schedule(Name=unique("s"), Target={"Arn": _project_arn(cloud, project), "RoleArn": role}, **once)
    scheduler.create_schedule(
        Name=unique("s"),
        Target={
            "Arn": "arn:aws:scheduler:::aws-sdk:ssm:putParameter",
            "RoleArn": role,
            "Input": json.dumps({"Name": parameter, "Value": "scheduled", "Type": "String"}),
        },
        **once,
    )
    assert wait_for(lambda: cloud.client("codebuild").list_builds_for_project(projectName=project)["ids"])
    assert wait_for(lambda: cloud.client("ssm").get_parameters(Names=[parameter])["Parameters"])


# -- what ends executions, and what makes them go on -------------------------------------------------------------------


class Walk:
    """An execution of a state machine with these states."""

    def __init__(self, cloud: Cloud, states: dict[str, Any], *statements: Any, seconds: int | None = None) -> None:
        self._client = cloud.client("stepfunctions")
        definition: dict[str, Any] = {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states}
        if seconds is not None:
            definition["TimeoutSeconds"] = seconds
        machine = self._client.create_state_machine(
            name=unique("m"),
            roleArn=service_role(cloud, "states.amazonaws.com", *statements),
            definition=json.dumps(definition),
        )["stateMachineArn"]
        self.arn = self._client.start_execution(stateMachineArn=machine)["executionArn"]

    def now(self) -> dict[str, Any]:
        return dict(self._client.describe_execution(executionArn=self.arn))

    def end(self) -> dict[str, Any]:
        return wait_for(lambda: found if (found := self.now())["status"] != "RUNNING" else None)

    def stop(self) -> None:
        self._client.stop_execution(executionArn=self.arn)

    def redrive(self) -> None:
        self._client.redrive_execution(executionArn=self.arn)


def _wait(seconds: int, then: str) -> dict[str, Any]:
    return {"Type": "Wait", "Seconds": seconds, "Next": then}


_DONE: dict[str, Any] = {"Type": "Succeed", "Output": "{% $seen %}"}


def _put(cloud: Cloud) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """A parameter, the step that writes how often the execution was redriven, and the right to do it."""
    name = f"/tests/{unique('p')}"
    step = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:ssm:putParameter",
        "Arguments": {
            "Name": name,
            "Value": "{% $seen & ' ' & $string($states.context.Execution.RedriveCount) %}",
            "Type": "String",
            "Overwrite": True,
        },
        "Next": "Done",
    }
    return name, step, allow("ssm:PutParameter", on=f"arn:aws:ssm:{cloud.region}:{cloud.account}:parameter{name}")


def test_the_limit_of_a_definition_ends_an_execution_which_then_does_nothing_more(cloud: Cloud) -> None:
    name, step, permission = _put(cloud)
    states = {
        "Begin": {"Type": "Pass", "Assign": {"seen": "x"}, "Next": "Wait"},
        "Wait": _wait(40, "Put"),  # a tenth of it here
        "Put": step,
        "Done": _DONE,
    }
    walk = Walk(cloud, states, permission, seconds=10)
    assert (walk.end()["status"], walk.now()["error"]) == ("TIMED_OUT", "States.Timeout")
    time.sleep(4)
    assert walk.now()["status"] == "TIMED_OUT"
    ssm = cloud.client("ssm")
    assert ssm.get_parameters(Names=[name])["Parameters"] == []


def test_a_stopped_execution_is_redriven_from_its_state_with_its_variables(cloud: Cloud) -> None:
    name, step, permission = _put(cloud)
    states = {
        "Begin": {"Type": "Pass", "Assign": {"seen": "kept"}, "Next": "Wait"},
        "Wait": _wait(20, "Put"),
        "Put": step,
        "Done": _DONE,
    }
    walk = Walk(cloud, states, permission)
    time.sleep(1)
    walk.stop()
    assert walk.end()["status"] == "ABORTED"
    walk.redrive()
    ended = walk.end()
    assert (ended["status"], ended["redriveCount"]) == ("SUCCEEDED", 1)
    assert cloud.client("ssm").get_parameter(Name=name)["Parameter"]["Value"] == "kept 1"


def test_a_stopped_execution_makes_no_further_call_although_its_step_is_to_be_tried_again(cloud: Cloud) -> None:
    name, step, permission = _put(cloud)
    retry = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 5, "MaxAttempts": 50, "BackoffRate": 1.0}
    states = {
        "Begin": {"Type": "Pass", "Assign": {"seen": "x"}, "Next": "Put"},
        "Put": {**step, "Retry": [retry]},
        "Done": _DONE,
    }
    walk = Walk(cloud, states)  # without the permission
    time.sleep(1.5)
    walk.stop()
    role = walk._client.describe_state_machine(stateMachineArn=walk.now()["stateMachineArn"])["roleArn"]
    set_policy(cloud, role, permission)
    time.sleep(2)
    assert walk.now()["status"] == "ABORTED"
    assert cloud.client("ssm").get_parameters(Names=[name])["Parameters"] == []
