"""The steps of a release, as data: every way through them ends, unlocks, and leaves nothing unrecorded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import jsonata  # type: ignore[import-untyped] # it has no types
import pytest

from pythonbase import ReleaseNames
from pythonbase.releases.steps import ReleaseTarget, release_steps

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


def _reachable(start: str, states: dict[str, dict[str, Any]] = STATES) -> set[str]:
    found, open_ = set(), [start]
    while open_:
        name = open_.pop()
        if name not in found:
            found.add(name)
            open_ += _next(states[name])
    return found


@pytest.mark.parametrize("repository_is_here", [True, False])
def test_every_step_exists_and_is_reachable(repository_is_here: bool) -> None:
    # Step Functions refuses the others: https://github.com/aws-cloudformation/cfn-lint/issues/4073
    steps = release_steps(replace(TARGET, repository_is_here=repository_is_here))
    assert _reachable(steps["StartAt"], steps["States"]) == steps["States"].keys()


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
    exposed = ("RecordBaseImage", "RecordRelease", "RecordImage")
    assert {name: TASKS[name]["Catch"][-1]["Next"] for name in exposed} == dict.fromkeys(exposed, "PutBack")
    assert {_decide("Outcome", **_given(service, 1800)) for service in (_service(MINE),)} == {"TooSlow"}
    assert STATES["TooSlow"]["Next"] == STATES["NotRunning"]["Next"] == "PutBack"


def test_a_release_is_never_put_back_because_a_read_failed() -> None:
    reads = {name for name, state in TASKS.items() if not _writes(state)}
    assert {"Service", "Progress", "Tasks", "Running", "Confirm", "Definition"} <= reads
    for name in reads - _reachable("PutBack") - _reachable("RolledBack"):
        ways = [TASKS[name]["Catch"][-1]["Next"]]
        found = set(ways)
        while ways:  # decisions by the clock only: the loop goes on, or ends in Unread
            state = STATES[ways.pop()]
            if state["Type"] == "Choice":
                more = set(_next(state)) - found
                found |= more
                ways += more
        assert "PutBack" not in found, name
    assert set(_next(STATES["Unread"])) == {"UnlockFailed"}
    late = {"polled": 99_999, "checked": 99_999}
    assert _decide("IsThereTime", **late) == _decide("IsThereTimeToAsk", **late) == "Unread"
    assert _decide("IsThereTime", polled=10) == "WaitForDeployment"
    assert _decide("IsThereTimeToAsk", checked=10) == "WaitForTasks"


def test_whatever_else_fails_is_put_back_once_the_service_was_touched() -> None:
    assert _decide("Failed", touched=True) == "PutBack"
    assert _decide("Failed", touched=False) == "IsItNewest"
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
        told = {"error": "{% $states.errorOutput.Error %}", "cause": "{% $states.errorOutput.Cause %}"}
        assert TASKS[name]["Catch"][-1]["Assign"] == told, name
        assert TASKS[name]["Catch"][-1]["Next"] in {"Failed", "Unread"}, name


def test_the_image_is_recorded_last_and_only_after_it_was_verified() -> None:
    assert "'/pythonbase/services/orders/staging/image'" in TASKS["RecordImage"]["Arguments"]["Name"]
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
        for retry in state["Retry"]:
            assert retry["MaxAttempts"] >= 5, name
            assert retry["BackoffRate"] > 1, name
            assert retry["JitterStrategy"] == "FULL", name
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


MINE = ("mine", "PRIMARY", "IN_PROGRESS")


def _given(service: dict[str, Any], polled: int = 1, *, attempt: int = 0, started: str | None = None) -> dict[str, Any]:
    """Variables of an execution whose deployment is called ``mine``."""
    began = started or datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    states = {"context": {"Execution": {"StartTime": began}}}
    given = {"service": service, "deployment": "mine", "before": "td:1", "polled": polled, "attempt": attempt}
    return {**given, "states": states}


def _writes(state: dict[str, Any]) -> bool:
    verb = state["Resource"].rpartition(":")[2]
    return not verb.startswith(("describe", "list", "get", "batchGet"))


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
        (_service(("mine", "PRIMARY", "IN_PROGRESS")), 1800, "TooSlow"),
    ],
)
def test_the_outcome_of_a_deployment(service: dict[str, Any], polls: int, outcome: str) -> None:
    assert _decide("Outcome", **_given(service, polls)) == outcome


def test_a_deployment_without_rollout_state_is_over_when_it_is_the_only_one_and_complete() -> None:
    mine = {"Id": "mine", "Status": "PRIMARY", "DesiredCount": 2, "RunningCount": 1}
    service = {"Deployments": [mine], "TaskDefinition": "td:2"}
    assert _decide("Outcome", **_given(service)) == "WaitForDeployment"
    mine["RunningCount"] = 2
    assert _decide("Outcome", **_given(service)) == "Tasks"


def test_it_does_not_start_again_for_ever() -> None:
    service = _service(("other", "PRIMARY", "IN_PROGRESS"), runs="td:3")
    assert _decide("Outcome", **_given(service)) == "StartAgain"
    assert _decide("Outcome", **_given(service, attempt=5)) == "Superseded"
    assert _decide("Outcome", **_given(service, started="2020-01-01T00:00:00.000Z")) == "Superseded"


@pytest.mark.parametrize(
    ("deployments", "waited", "decided"),
    [
        ([("a", "PRIMARY", "COMPLETED")], 0, "Recorded"),
        ([("a", "PRIMARY", "IN_PROGRESS")], 0, "WaitForOthers"),
        # one that failed, and that ECS has not forgotten yet
        ([("a", "PRIMARY", "COMPLETED"), ("b", "ACTIVE", "FAILED")], 0, "Recorded"),
        ([("a", "PRIMARY", "IN_PROGRESS")], 1800, "Recorded"),
        # not a rolling deployment
        ([("a", "PRIMARY"), ("b", "ACTIVE")], 0, "WaitForOthers"),
        ([("a", "PRIMARY")], 0, "Recorded"),
        ([("a", "PRIMARY", "FAILED")], 0, "Recorded"),
    ],
)
def test_it_waits_for_deployments_of_others(deployments: list[tuple[str, str, str]], waited: int, decided: str) -> None:
    assert _decide("IsServiceFree", service=_service(*deployments), waited=waited, urgent=False) == decided
    assert _decide("IsServiceFree", service=_service(*deployments), waited=waited, urgent=True) == "Recorded"


@pytest.mark.parametrize(
    ("digests", "checked", "decided"),
    [
        (["sha256:new"], 0, "Confirm"),
        (["sha256:old"], 0, "WaitForTasks"),
        (["sha256:new", "sha256:old"], 0, "WaitForTasks"),
        # a lost task, which ECS replaces
        ([], 300, "WaitForTasks"),
        (["sha256:old"], 600, "NotRunning"),
        ([], 600, "NotRunning"),
    ],
)
def test_only_tasks_that_all_run_the_digest_verify_it(digests: list[str], checked: int, decided: str) -> None:
    image = f"{TARGET.repository_uri}@sha256:new"
    assert _decide("IsItTheDigest", image=image, digests=digests, checked=checked) == decided


@pytest.mark.parametrize(
    ("image", "decided"),
    [
        (f"{TARGET.repository_uri}@sha256:new", "IsByReconciler"),
        (f"{TARGET.repository_uri}:v1", "WrongImage"),
        ("999988887777.dkr.ecr.eu-central-1.amazonaws.com/orders@sha256:new", "WrongImage"),
        ("docker.io/library/nginx@sha256:new", "WrongImage"),
        ("base:latest", "IsByReconciler"),
    ],
)
def test_only_digests_of_the_services_repository_are_released(image: str, decided: str) -> None:
    assert _decide("IsItRunning", running="other", image=image, recorded="base:latest", base="") == decided


def test_a_state_machine_calls_no_other_region() -> None:
    states = release_steps(replace(TARGET, repository_is_here=False))["States"]
    assert states["IsADigest"]["Default"] == "HoldRegister"
    assert STATES["IsADigest"]["Default"] == "Manifest"
    assert ":ecr:" in str(STATES)
    assert ":ecr:" not in str(states)


def test_a_long_deployment_is_polled_less_often_so_that_its_history_has_room() -> None:
    day = replace(TARGET, timeout_seconds=24 * 3600)
    assert TARGET.poll_seconds == 15
    polls = sum(
        seconds / every
        for seconds, every in (
            (day.turn_seconds, day.turn_poll_seconds / 3),  # a look at the lock is three times as many events
            (day.patience_seconds, day.poll_seconds),
            (2 * day.timeout_seconds, day.poll_seconds),
        )
    )
    assert polls * 10 < 25_000


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
    given = {"definition": definition, "image": "new", "tags": [], "template": "arn:td:7", "fence": 0}
    registered = _evaluate(TASKS["Register"]["Arguments"], **given, states={"context": {"Execution": {}}})
    assert registered == {
        "Tags": [{"Key": "pythonbase:template", "Value": "arn:td:7"}],
        "Family": "orders-staging",
        "Cpu": "256",
        "ContainerDefinitions": [
            {"Name": "app", "Image": "new", "Environment": [{"Name": "PORT", "Value": "8080"}]},
            {"Name": "sidecar", "Image": "kept"},
        ],
    }


# -- the lock ----------------------------------------------------------------------------------------------------------


def test_every_step_that_writes_asks_right_before_it_whether_the_lock_is_held() -> None:
    locks = {"Lock", "TakeOver", "Unlock", "UnlockFailed", "StopHolder", "Remember"}
    writes = {name for name, state in TASKS.items() if _writes(state)} - locks
    writes = {name for name in writes if not name.startswith("Hold")}
    assert {"Keep", "Register", "Update", "UpdateBack", "Renew", "RecordImage"} <= writes
    for name in writes:
        assert {before for before, state in STATES.items() if name in _next(state)} == {f"Hold{name}"}, name
        hold = TASKS[f"Hold{name}"]
        assert hold["Arguments"]["ConditionExpression"] == "Holder = :me"
        assert hold["Catch"][0] == {
            "ErrorEquals": ["DynamoDB.ConditionalCheckFailedException"],
            "Next": "LockLost",
        }
        assert hold["Catch"][-1]["Next"] == TASKS[name]["Catch"][-1]["Next"], name
    assert _reachable("LockLost") == {"LockLost", "UnlockFailed", "Fail"}


def test_a_redriven_execution_repeats_no_call_that_writes_before_it_has_asked() -> None:
    locks = {"Lock", "TakeOver", "Unlock", "UnlockFailed", "StopHolder", "Remember"}
    for name in {name for name, state in TASKS.items() if _writes(state)} - locks:
        if name.startswith("Hold"):
            continue
        fenced = [text for text in _expressions(TASKS[name]["Arguments"]) if "$fence" in text]
        assert len(fenced) == 1, name
    name = TASKS["RecordImage"]["Arguments"]["Name"]
    execution: dict[str, Any] = {}
    states = {"context": {"Execution": execution}}
    assert _evaluate(name, fence=0, states=states) == "/pythonbase/services/orders/staging/image"
    execution["RedriveCount"] = 1
    with pytest.raises(Exception, match="start a new release"):
        _evaluate(name, fence=0, states=states)
    assert _evaluate(TASKS["HoldRecordImage"]["Assign"]["fence"], states=states) == 1


def test_a_lock_is_taken_over_only_when_its_holder_was_missing_twice() -> None:
    assert _decide("IsMissingAgain", holder="a", missing="") == "Missing"
    assert STATES["Missing"]["Seconds"] >= 10
    assert STATES["Missing"]["Assign"]["missing"] == "{% $holder %}"
    assert _decide("IsMissingAgain", holder="b", missing="a") == "Missing"
    assert _decide("IsMissingAgain", holder="a", missing="a") == "TakeOver"


@pytest.mark.parametrize(
    ("status", "now", "turns", "decided"),
    [
        ("RUNNING", False, 0, "WaitForTurn"),
        ("RUNNING", False, TARGET.turn_seconds, "Busy"),
        ("RUNNING", True, 0, "StopHolder"),
        ("ABORTED", False, 0, "TakeOver"),
        ("PENDING_REDRIVE", False, 0, "TakeOver"),
    ],
)
def test_who_waits_for_the_lock(status: str, now: bool, turns: int, decided: str) -> None:
    assert _decide("DoesHolderRun", holderStatus=status, urgent=now, turns=turns) == decided


def test_the_definition_holds_its_limit_which_is_longer_than_all_it_may_wait_for() -> None:
    waits = TARGET.turn_seconds + 2 * (TARGET.patience_seconds + TARGET.timeout_seconds) + TARGET.timeout_seconds
    assert waits < STEPS["TimeoutSeconds"] < 6 * 3600


# -- what is not released ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("image", ["base:latest", "111122223333.dkr.ecr.eu-central-1.amazonaws.com/pythonbase:latest"])
def test_no_placeholder_replaces_a_release(image: str) -> None:
    running = f"{TARGET.repository_uri}@sha256:old"
    assert _decide("IsItRunning", running=running, image=image, recorded=image, base="") == "LosesRelease"
    cause = _evaluate(STATES["LosesRelease"]["Assign"]["cause"], running=running, image=image)
    assert "pythonbase rollback orders --environment staging --to sha256:old" in cause


def test_a_missing_record_is_written_by_the_release_of_a_given_image_and_by_no_other() -> None:
    assert {"ErrorEquals": ["Ssm.ParameterNotFoundException"], "Next": "NothingRecorded"} in TASKS["Recorded"]["Catch"]
    assert _decide("IsAnImageGiven", image="repository@sha256:new") == "Definition"
    assert _decide("IsAnImageGiven", image="") == "NoRecord"


def _stage(*, kind: str) -> dict[str, Any]:
    latest = {"PipelineExecutionId": "inside", "Type": kind, "Status": "InProgress"}
    other = {"StageName": "Build", "LatestExecution": {"PipelineExecutionId": "other", "Type": "ROLLBACK"}}
    return {"result": {"StageStates": [other, {"StageName": "Deploy", "LatestExecution": latest}]}}


@pytest.mark.parametrize(("kind", "asked"), [("STANDARD", ""), ("ROLLBACK", "inside")])
def test_the_stage_is_asked_which_execution_is_in_it(kind: str, asked: str) -> None:
    expression = TASKS["Stage"]["Assign"]["pipelineExecution"]
    assert _evaluate(expression, states=_stage(kind=kind), stage="Deploy") == asked
    assert _decide("IsItARollback", pipelineExecution=asked) == ("Execution" if asked else "Lock")


@pytest.mark.parametrize(
    ("kind", "trigger", "released"),
    [
        ("ROLLBACK", "AutomatedRollback", ""),
        ("ROLLBACK", "ManualRollback", "given"),
        ("STANDARD", "WebhookV2", "given"),
    ],
)
def test_only_an_automatic_rollback_goes_to_what_is_recorded(kind: str, trigger: str, released: str) -> None:
    result = {"PipelineExecution": {"ExecutionType": kind, "Trigger": {"TriggerType": trigger}}}
    assert _evaluate(TASKS["Execution"]["Assign"]["image"], states={"result": result}, image="given") == released


# -- templates that change meanwhile -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "adopted"),
    [
        ([("mine", "PRIMARY", "td:9"), ("old", "ACTIVE", "td:7")], ""),
        # deployed between the look and the update, which has replaced it
        ([("mine", "PRIMARY", "td:9"), ("template", "ACTIVE", "td:8"), ("old", "ACTIVE", "td:7")], "td:8"),
        ([("mine", "PRIMARY", "td:9"), ("again", "ACTIVE", "td:7")], ""),
    ],
)
def test_a_template_that_was_deployed_after_the_look_is_adopted(
    answer: list[tuple[str, str, str]], adopted: str
) -> None:
    keys = ("Id", "Status", "TaskDefinition")
    deployments = [dict(zip(keys, item, strict=True)) for item in answer]
    given = {
        "states": {"result": {"Service": {"Deployments": deployments}}},
        "service": {"Deployments": [{"Id": "old", "Status": "PRIMARY"}]},
        "before": "td:7",
        "revision": "td:9",
    }
    assert _evaluate(TASKS["Update"]["Assign"]["newer"], **given) == adopted
    assert _decide("WasItReplaced", newer=adopted) == ("MayItAdopt" if adopted else "WaitForDeployment")


def test_a_newer_template_counts_only_once_the_service_points_to_it() -> None:
    described = [name for name, state in TASKS.items() if state["Resource"].endswith(":describeTaskDefinition")]
    assert described == ["Definition"]  # of the service's own revision, not the family's newest
    mine = {**_service(("mine", "PRIMARY", "COMPLETED"), runs="td:9")}
    assert _decide("IsItStillMine", **_given(mine), revision="td:9") == "IsItRecorded"
    assert _decide("IsItStillMine", **_given({**mine, "TaskDefinition": "td:10"}), revision="td:9") == "StartAgain"


def test_a_failed_release_leaves_a_good_revision_as_the_newest_of_the_family() -> None:
    assert _decide("IsItNewest", registered=True, running="old", image="new") == "HoldRenew"
    assert _decide("IsItNewest", registered=False, running="old", image="new") == "IsToBeRemembered"
    for name in ("IsItBack", "Back", "Failed"):
        assert "HoldRenew" in _reachable(name)


# -- what the reconciler tries -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failures", "until", "decided"),
    [(0, 0, "IsADigest"), (1, 9e15, "BackOff"), (1, 1, "IsADigest"), (5, 1, "BackOff")],
)
def test_the_reconciler_backs_off_and_gives_up(failures: int, until: float, decided: str) -> None:
    assert _decide("IsByReconciler", by="reconciler") == "Failures"
    assert _decide("IsByReconciler", by="Ada") == "IsADigest"
    assert _decide("HasItFailed", failures=failures, until=until) == decided


def test_failures_count_for_one_image_on_one_task_definition() -> None:
    expression = TASKS["Failures"]["Assign"]["failures"]
    item = {"What": {"S": "img@sha256:a td:7"}, "Failures": {"N": "3"}}
    states = {"result": {"Item": item}}
    assert _evaluate(expression, states=states, image="img@sha256:a", before="td:7") == 3
    assert _evaluate(expression, states=states, image="img@sha256:a", before="td:8") == 0
    assert _evaluate(expression, states={"result": {}}, image="img@sha256:a", before="td:7") == 0


@pytest.mark.parametrize(("failures", "says"), [(0, "tried again in 1 h"), (2, "again in 4 h"), (4, "not tried again")])
def test_a_failure_says_when_it_is_tried_again(failures: int, says: str) -> None:
    assert says in _evaluate(TASKS["Remember"]["Assign"]["cause"], cause="No.", failures=failures)


def test_a_refused_concurrent_registration_is_tried_again_and_another_refusal_is_not() -> None:
    text = "Too many concurrent attempts to create a new revision of the specified family."
    assert _decide("WhyRefused", cause=text, conflicts=0) == "WaitForFamily"
    assert _decide("WhyRefused", cause=text, conflicts=999) == "Failed"
    assert _decide("WhyRefused", cause="Invalid CPU", conflicts=0) == "Failed"


# -- what is told ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("runs", "says"), [("td:1", "ECS put td:1 back"), ("td:9", "ECS called the deployment off")])
def test_it_says_what_ecs_did_and_puts_back_what_ecs_did_not(runs: str, says: str) -> None:
    service = {**_service(runs=runs), "Events": [{"Message": "why"}]}
    cause = _evaluate(STATES["RolledBack"]["Assign"]["cause"], service=service, revision="td:9")
    assert cause.startswith(says)
    decided = _decide("IsItBack", service=service, revision="td:9")
    assert decided == ("PutBack" if runs == "td:9" else "IsItNewest")


def test_a_release_that_was_not_built_on_the_base_image_does_not_leave_the_one_before_recorded() -> None:
    value = TASKS["RecordBaseImage"]["Arguments"]["Value"]
    assert _evaluate(value, baseImage="base@sha256:b") == "base@sha256:b"
    assert _evaluate(value, baseImage="") == "none"
