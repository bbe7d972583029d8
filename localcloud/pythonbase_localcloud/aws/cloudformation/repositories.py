"""Members of AWS::ECR::Repository that MiniStack drops."""

from __future__ import annotations

from pythonbase_localcloud.aws import seams

from .types import Properties, amend


def _apply(name: str, properties: Properties) -> None:
    seams.ecr._repositories[name]["imageTagMutabilityExclusionFilters"] = [
        {
            "filterType": item["ImageTagMutabilityExclusionFilterType"],
            "filter": item["ImageTagMutabilityExclusionFilterValue"],
        }
        for item in properties.get("ImageTagMutabilityExclusionFilters") or []
    ]


def install() -> None:
    """Repair the type."""
    amend("AWS::ECR::Repository", _apply)
