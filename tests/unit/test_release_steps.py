"""The steps of a release, as data: every way through them ends, unlocks, and leaves nothing unrecorded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jsonata  # type: ignore[import-untyped] # it has no types
import pytest

from pythonbase import ReleaseNames
from pythonbase.release_steps import ReleaseTarget, release_steps

TARGET = ReleaseTarget(
    names=ReleaseNames("orders", "staging"),
    cluster_name="cluster",
    container_name="app",
    registry_id="111122223333",
    repository_uri="111122223333.dkr.ecr.eu-central-1.amazonaws.com/orders",
    locks_table="locks",
    timeout_seconds=1800,
)
STEPS = release_steps(TARGET)
STATES: dict[str, dict[str, Any]] = STEPS["States"]
TASKS = {name: state for name, state in STATES.items() if state["Type"] == "Task"}


def _next(state: dict[str, Any]) -> Iterator[str]:
    """Every state that may follow."""
    for rule in (state, *state.get("Choices", []), *state.get("Catch", [])):
        if "Next" in rule:
            yield rule["Next"]
    if "Default" in state:
        yield state["Default"]


def _reachable(start: str) -> set[str]:
    found, open_ = set(), [start]
    while open_:
        name = open_.pop()
        if name not in found:
            found.add(name)
            open_ += _next(STATES[name])
    return found


def test_every_step_exists_and_is_reachable() -> None:
    assert _reachable(STEPS["StartAt"]) == STATES.keys()


def test_it_ends_in_success_or_failure_only() -> None:
    ends = {name: state["Type"] for name, state in STATES.items() if not list(_next(state))}
    assert ends == {"Released": "Succeed", "Fail": "Fail"}


@pytest.mark.parametrize("end", ["Released", "Fail"])
def test_every_end_is_reached_through_a_release_of_the_lock(end: str) -> None:
    before = {name for name, state in STATES.items() if end in _next(state)}
    assert before <= {"Unlock", "UnlockFailed"}
    for name in before:
        assert STATES[name]["Resource"].endswith("dynamodb:deleteItem")
        assert STATES[name]["Arguments"]["ConditionExpression"] == "Holder = :me"


def test_what_fails_after_the_update_of_the_service_is_put_back() -> None:
    # From the update on, until the image is recorded, the service may run what is not recorded.
    exposed = ("Progress", "Tasks", "Running", "Newest", "RecordBaseImage", "RecordRelease", "RecordImage")
    assert {name: TASKS[name]["Catch"][-1]["Next"] for name in exposed} == dict.fromkeys(exposed, "PutBack")


def test_whatever_else_fails_is_put_back_once_the_service_was_touched() -> None:
    assert _decide("Failed", touched=True) == "PutBack"
    assert _decide("Failed", touched=False) == "UnlockFailed"
    assert TASKS["Update"]["Assign"]["touched"] is True
    assert "Failed" not in _reachable("PutBack")


def test_before_the_update_a_failure_changes_nothing() -> None:
    untouched = _reachable(STEPS["StartAt"]) - _reachable("Update") | {
        "Lock",
        "Service",
        "Manifest",
        "Keep",
        "Register",
    }
    for name in untouched & TASKS.keys():
        assert TASKS[name]["Catch"][-1] == {
            "ErrorEquals": ["States.ALL"],
            "Next": "Failed",
            "Assign": {"error": "{% $states.errorOutput.Error %}", "cause": "{% $states.errorOutput.Cause %}"},
        }, name


def test_the_image_is_recorded_last_and_only_after_it_was_verified() -> None:
    assert TASKS["RecordImage"]["Arguments"]["Name"] == "/pythonbase/services/orders/staging/image"
    assert TASKS["RecordImage"]["Next"] == "Unlock"
    without_verification = {name: state for name, state in STATES.items() if name != "IsItTheDigest"}
    found, open_ = set(), [STEPS["StartAt"]]
    while open_:
        name = open_.pop()
        if name in without_verification and name not in found:
            found.add(name)
            # A service that wants no tasks has none to ask.
            rules = [rule for rule in STATES[name].get("Choices", []) if "DesiredCount" in rule["Condition"]]
            open_ += set(_next(STATES[name])) - {rule["Next"] for rule in rules}
    assert "RecordImage" not in found


def test_every_call_is_tried_again_when_it_is_throttled() -> None:
    for name, state in TASKS.items():
        (retry,) = state["Retry"]
        assert retry["MaxAttempts"] >= 5, name
        assert retry["BackoffRate"] > 1, name
    assert "Ecs.ThrottlingException" in TASKS["Update"]["Retry"][0]["ErrorEquals"]
    assert "Ecs.EcsException" in TASKS["Update"]["Retry"][0]["ErrorEquals"]
    assert "Ssm.SsmException" in TASKS["RecordImage"]["Retry"][0]["ErrorEquals"]


def test_no_result_of_a_call_is_repeated_in_the_history_of_the_steps_after_it() -> None:
    assert [name for name, state in TASKS.items() if state["Output"] != {}] == []
    reads_its_input = {
        name for name, state in STATES.items() for text in _expressions(state) if "$states.input" in text
    }
    assert reads_its_input == {"Begin"}


def test_no_expression_is_malformed() -> None:
    count = 0
    for expression in _expressions(STEPS):
        jsonata.Jsonata(expression)
        count += 1
    assert count > 80


def _expressions(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _expressions(item)
    elif isinstance(value, list):
        for item in value:
            yield from _expressions(item)
    elif isinstance(value, str) and value.startswith("{%"):
        assert value.endswith("%}")
        yield value[2:-2]


def _evaluate(expression: str, **variables: Any) -> Any:
    jsonata_expression = jsonata.Jsonata(expression.removeprefix("{%").removesuffix("%}"))
    frame = jsonata_expression.create_frame()
    for name, value in variables.items():
        frame.bind(name, value)
    return jsonata_expression.evaluate({}, frame)


def _decide(state: str, **variables: Any) -> str:
    for rule in STATES[state]["Choices"]:
        if _evaluate(rule["Condition"], **variables) is True:
            return str(rule["Next"])
    return str(STATES[state]["Default"])


def _service(*deployments: tuple[str, ...], runs: str = "td:2") -> dict[str, Any]:
    keys = ("Id", "Status", "RolloutState", "RolloutStateReason")
    listed = [dict(zip(keys, deployment, strict=False)) for deployment in deployments]
    return {"Deployments": listed, "TaskDefinition": runs, "DesiredCount": 1, "Events": []}


@pytest.mark.parametrize(
    ("service", "polls", "outcome"),
    [
        (_service(("mine", "PRIMARY", "IN_PROGRESS")), 1, "WaitForDeployment"),
        (_service(("mine", "PRIMARY", "COMPLETED")), 1, "Tasks"),
        (_service(("mine", "ACTIVE", "FAILED"), ("old", "PRIMARY", "IN_PROGRESS"), runs="td:1"), 1, "RolledBack"),
        # ECS has forgotten the failed one already
        (_service(("old", "PRIMARY", "IN_PROGRESS"), runs="td:1"), 1, "RolledBack"),
        (
            _service(("other", "PRIMARY", "IN_PROGRESS"), ("mine", "ACTIVE", "IN_PROGRESS"), runs="td:3"),
            1,
            "StartAgain",
        ),
        (_service(("mine", "PRIMARY", "IN_PROGRESS")), 360, "TooSlow"),
    ],
)
def test_the_outcome_of_a_deployment(service: dict[str, Any], polls: int, outcome: str) -> None:
    decided = _decide("Outcome", service=service, deployment="mine", before="td:1", polls=polls, attempt=0)
    assert decided == outcome


def test_a_deployment_without_rollout_state_is_over_when_it_is_the_only_one_and_complete() -> None:
    mine = {"Id": "mine", "Status": "PRIMARY", "DesiredCount": 2, "RunningCount": 1}
    service = {"Deployments": [mine], "TaskDefinition": "td:2"}
    given = {"deployment": "mine", "before": "td:1", "polls": 1, "attempt": 0}
    assert _decide("Outcome", service=service, **given) == "WaitForDeployment"
    mine["RunningCount"] = 2
    assert _decide("Outcome", service=service, **given) == "Tasks"


def test_it_does_not_start_again_for_ever() -> None:
    service = _service(("other", "PRIMARY", "IN_PROGRESS"), runs="td:3")
    assert _decide("Outcome", service=service, deployment="mine", before="td:1", polls=1, attempt=5) == "Superseded"


@pytest.mark.parametrize(
    ("deployments", "waited", "decided"),
    [
        ([("a", "PRIMARY", "COMPLETED")], 0, "Recorded"),
        ([("a", "PRIMARY", "IN_PROGRESS")], 0, "WaitForOthers"),
        # one that failed, and that ECS has not forgotten yet
        ([("a", "PRIMARY", "COMPLETED"), ("b", "ACTIVE", "FAILED")], 0, "Recorded"),
        ([("a", "PRIMARY", "IN_PROGRESS")], 360, "Recorded"),
        # not a rolling deployment
        ([("a", "PRIMARY"), ("b", "ACTIVE")], 0, "WaitForOthers"),
        ([("a", "PRIMARY")], 0, "Recorded"),
        ([("a", "PRIMARY", "FAILED")], 0, "Recorded"),
    ],
)
def test_it_waits_for_deployments_of_others(deployments: list[tuple[str, str, str]], waited: int, decided: str) -> None:
    assert _decide("IsServiceFree", service=_service(*deployments), waited=waited) == decided


@pytest.mark.parametrize(
    ("digests", "checks", "decided"),
    [
        (["sha256:new"], 0, "Newest"),
        (["sha256:old"], 0, "WaitForTasks"),
        (["sha256:new", "sha256:old"], 0, "WaitForTasks"),
        (["sha256:old"], 12, "NotRunning"),
        ([], 12, "NotRunning"),
    ],
)
def test_only_tasks_that_all_run_the_digest_verify_it(digests: list[str], checks: int, decided: str) -> None:
    image = f"{TARGET.repository_uri}@sha256:new"
    assert _decide("IsItTheDigest", image=image, digests=digests, checks=checks) == decided


@pytest.mark.parametrize(
    ("image", "decided"),
    [
        (f"{TARGET.repository_uri}@sha256:new", "Manifest"),
        (f"{TARGET.repository_uri}:v1", "WrongImage"),
        ("999988887777.dkr.ecr.eu-central-1.amazonaws.com/orders@sha256:new", "WrongImage"),
        ("docker.io/library/nginx@sha256:new", "WrongImage"),
        ("base:latest", "Register"),
    ],
)
def test_only_digests_of_the_services_repository_are_released(image: str, decided: str) -> None:
    assert _decide("IsItRunning", running="other", image=image, recorded="base:latest", base="") == decided


def test_a_state_machine_calls_no_other_region() -> None:
    states = release_steps(replace(TARGET, repository_is_here=False))["States"]
    digests = [rule["Next"] for rule in states["IsItRunning"]["Choices"] if "substringBefore" in rule["Condition"]]
    assert digests == ["Register"]


def test_a_long_deployment_is_polled_less_often_so_that_its_history_has_room() -> None:
    day = replace(TARGET, timeout_seconds=24 * 3600)
    assert TARGET.poll_seconds == 5
    assert day.timeout_seconds / day.poll_seconds * 9 < 25_000 / 3


@pytest.mark.parametrize(("given", "recorded"), [("Ada {{x}}", "Ada   x  "), ("a" * 900, "a" * 500)])
def test_what_ssm_does_not_take_is_left_out(given: str, recorded: str) -> None:
    by = STATES["Begin"]["Assign"]["by"]
    assert _evaluate(by, states={"input": {"by": given}}) == recorded


def test_the_tags_that_keep_images_are_a_ring() -> None:
    tag = TASKS["Keep"]["Arguments"]["ImageTag"]
    assert [_evaluate(tag, version=version) for version in (1, 126, 127, 128)] == [
        f"release-staging-{number}" for number in (2, 127, 0, 1)
    ]


@pytest.mark.parametrize(
    ("described", "kept"),
    [
        ({}, []),
        ({"Tags": []}, []),
        ({"Tags": [{"Key": "team", "Value": "a"}]}, ["team"]),
        ({"Tags": [{"Key": "aws:cloudformation:stack-name", "Value": "S"}, {"Key": "aws", "Value": "x"}]}, ["aws"]),
    ],
)
def test_tags_are_taken_over_except_those_that_aws_keeps_for_itself(described: dict[str, Any], kept: list[str]) -> None:
    tags = _evaluate(TASKS["Definition"]["Assign"]["tags"], states={"result": described})
    assert [tag["Key"] for tag in tags] == kept


def test_a_revision_is_what_runs_with_another_image() -> None:
    definition = {
        "TaskDefinitionArn": "arn:td:7",
        "Revision": 7,
        "Status": "ACTIVE",
        "Family": "orders-staging",
        "Cpu": "256",
        "ContainerDefinitions": [
            {"Name": "app", "Image": "old", "Environment": [{"Name": "PORT", "Value": "8080"}]},
            {"Name": "sidecar", "Image": "kept"},
        ],
    }
    registered = _evaluate(TASKS["Register"]["Arguments"], definition=definition, image="new", tags=[])
    assert registered == {
        "Family": "orders-staging",
        "Cpu": "256",
        "ContainerDefinitions": [
            {"Name": "app", "Image": "new", "Environment": [{"Name": "PORT", "Value": "8080"}]},
            {"Name": "sidecar", "Image": "kept"},
        ],
    }
