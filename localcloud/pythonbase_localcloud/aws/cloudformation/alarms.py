"""AWS::CloudWatch::Alarm on metric math, which MiniStack refuses."""

from __future__ import annotations

from typing import Any

from pythonbase_localcloud.aws import seams

from .types import Properties

NOT_MEASURED = "LocalCloud/NotMeasured"
"""Namespace of the metric that stands for an expression. Nothing writes it, so its alarm acts on missing data."""


def install() -> None:
    """Accept such alarms: they are there, with their thresholds, and never see a value."""
    handlers = seams.provisioners._RESOURCE_HANDLERS["AWS::CloudWatch::Alarm"]
    create, update = handlers["create"], handlers["update"]

    def create_alarm(logical_id: str, properties: Properties, stack: str) -> Any:
        return create(logical_id, _stored(properties), stack)

    def update_alarm(
        physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str | None = None
    ) -> Any:
        return update(physical_id, _stored(old), _stored(new), stack, logical_id)

    handlers["create"], handlers["update"] = create_alarm, update_alarm


def _stored(properties: Properties) -> Properties:
    expressions = [metric["Expression"] for metric in properties.get("Metrics") or [] if "Expression" in metric]
    if not expressions:
        return properties
    others = {key: value for key, value in properties.items() if key != "Metrics"}
    return {
        **others,
        "Namespace": NOT_MEASURED,
        "MetricName": expressions[-1],
        "Statistic": "Sum",
        "Period": 60,
    }
