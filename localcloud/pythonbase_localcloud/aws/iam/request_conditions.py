"""Condition keys of requests that MiniStack does not know: keys of DynamoDB items, tags of what a request is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pythonbase_localcloud.aws import seams
from pythonbase_localcloud.aws.codepipeline import executions

Members = Mapping[str, Any]
Context = dict[str, Any]


def condition_keys(service: str, resource: str, members: Members) -> Context:
    """The condition keys of one request, in lower case."""
    if service == "dynamodb":
        return _leading_keys(members)
    if service == "states":
        return _tags(seams.stepfunctions._tags.get(resource) or [])
    if service == "codepipeline":
        # A stage and an action have the tags of their pipeline:
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscodepipeline.html
        record = executions.pipelines.get(resource.rsplit(":", maxsplit=1)[-1].split("/", maxsplit=1)[0]) or {}
        return _tags(record.get("tags", []))
    return {}


def _leading_keys(members: Members) -> Context:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html"""
    table = seams.dynamodb._tables.get(str(members.get("TableName", "")).rsplit("/", 1)[-1]) or {}
    item = members.get("Key") or members.get("Item") or {}
    value = item.get(table.get("pk_name"))
    return {"dynamodb:leadingkeys": [str(next(iter(value.values())))]} if value else {}


def _tags(tags: Iterable[Mapping[str, str]]) -> Context:
    return {f"aws:resourcetag/{tag['key']}".lower(): tag["value"] for tag in tags}
