"""Runs a state machine's definition in virtual time: the part of the Amazon States Language that releases use."""

from __future__ import annotations

import random
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import jsonata  # type: ignore[import-untyped] # it has no types

from tests.simulation.account import Account, ApiError

_CALL_SECONDS = 0.1
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
State = Mapping[str, Any]


@cache
def _compiled(expression: str) -> Any:
    return jsonata.Jsonata(expression)


@dataclass
class Execution:
    """One execution.

    Attributes:
        status: ``RUNNING``, then ``SUCCEEDED``, ``FAILED`` or ``TIMED_OUT``.
        error: Name of the error that it failed with.
        ended: When, in seconds.
        events: How many events its history has.
        states: Names of the states that it was in.
    """

    definition: State
    given: Mapping[str, Any]
    account: Account
    seed: int
    began: float
    status: str = "RUNNING"
    error: str = ""
    ended: float = 0.0
    events: int = 1
    states: list[str] = field(default_factory=list)

    def run(self) -> Generator[float, float, None]:
        """Yields the seconds that it waits, and is sent the time of day."""
        self._random = random.Random(self.seed)  # noqa: S311 - a simulation
        self._variables: dict[str, Any] = {}
        self._now = self.began
        name: str | None = self.definition["StartAt"]
        while name:
            if self._now - self.began > self.definition.get("TimeoutSeconds", float("inf")):
                self._end("TIMED_OUT", "States.Timeout")
                return
            state = self.definition["States"][name]
            self.states.append(name)
            self.events += 2
            match state["Type"]:
                case "Succeed":
                    self._end("SUCCEEDED", "")
                    return
                case "Fail":
                    self._end("FAILED", str(self._value(state["Error"], {})))
                    return
                case "Choice":
                    rules = state["Choices"]
                    chosen = (rule["Next"] for rule in rules if self._value(rule["Condition"], {}) is True)
                    name = next(chosen, state["Default"])
                case "Pass":
                    self._assign(state, {"input": self.given})
                    name = state["Next"]
                case "Wait":
                    seconds = float(self._value(state["Seconds"], {}))
                    self._assign(state, {})
                    self._now = yield seconds
                    name = state["Next"]
                case "Task":
                    name = yield from self._task(state)
                case other:
                    raise NotImplementedError(other)

    def _task(self, state: State) -> Generator[float, float, str]:
        api = ":".join(state["Resource"].split(":")[-2:])
        retries = [0] * len(state["Retry"])
        while True:
            self.events += 3
            self._now = yield _CALL_SECONDS
            try:
                result = self.account.call(api, self._value(state["Arguments"], {}), self._now)
            except ApiError as error:
                delay = self._delay(state["Retry"], retries, error.name)
                if delay is None:
                    return self._catch(state, error)
                self._now = yield delay
                continue
            self._assign(state, {"result": result})
            return str(state["Next"])

    def _delay(self, retriers: list[State], retries: list[int], error: str) -> float | None:
        for index, retrier in enumerate(retriers):
            if error in retrier["ErrorEquals"]:
                if retries[index] >= retrier["MaxAttempts"]:
                    return None
                delay = retrier["IntervalSeconds"] * retrier["BackoffRate"] ** retries[index]
                retries[index] += 1
                return self._random.uniform(0, min(delay, retrier.get("MaxDelaySeconds", float("inf"))))
        return None

    def _catch(self, state: State, error: ApiError) -> str:
        told = {"errorOutput": {"Error": error.name, "Cause": error.cause}}
        for catcher in state["Catch"]:
            if {error.name, "States.ALL"} & set(catcher["ErrorEquals"]):
                self._assign(catcher, told)
                return str(catcher["Next"])
        raise AssertionError(f"nothing catches {error}")

    def _assign(self, state: State, states: Mapping[str, Any]) -> None:
        new = {name: self._value(value, states) for name, value in state.get("Assign", {}).items()}
        self._variables.update(new)

    def _value(self, template: Any, states: Mapping[str, Any]) -> Any:
        if isinstance(template, dict):
            return {key: self._value(value, states) for key, value in template.items()}
        if isinstance(template, list):
            return [self._value(item, states) for item in template]
        if not (isinstance(template, str) and template.startswith("{%")):
            return template
        expression = template.removeprefix("{%").removesuffix("%}")
        # The model's time, not the machine's.
        expression = expression.replace("$millis()", str(int((_BEGIN.timestamp() + self._now) * 1000)))
        compiled = _compiled(expression)
        frame = compiled.create_frame()
        for name, value in self._variables.items():
            frame.bind(name, value)
        started = (_BEGIN + timedelta(seconds=self.began)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        execution = {"Id": f"execution-{self.seed}", "StartTime": started, "RedriveCount": 0}
        frame.bind("states", {**states, "context": {"Execution": execution}})
        return compiled.evaluate({}, frame)

    def _end(self, status: str, error: str) -> None:
        self.status, self.error, self.ended = status, error, self._now
