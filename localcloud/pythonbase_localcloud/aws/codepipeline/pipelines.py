"""Pipelines: what the API and templates do with their declarations and tags."""

from __future__ import annotations

import time
from typing import Any

from pythonbase_localcloud.aws import scope, seams
from pythonbase_localcloud.aws.cloudformation.types import Properties, Resource
from pythonbase_localcloud.aws.json_service import ApiError, Request

from . import executions, model, starting


def _create(declaration: model.Declaration, tags: list[dict[str, str]], creator: str) -> dict[str, Any]:
    name = declaration["name"]
    if name in executions.pipelines:
        raise ApiError(
            "PipelineNameInUseException",
            f"A pipeline with the name '{name}' already exists in account '{scope.account()}'",
        )
    now = time.time()
    declaration["version"] = 1
    executions.pipelines[name] = {"pipeline": declaration, "created": now, "updated": now, "tags": tags}
    # As on AWS, a new pipeline runs once.
    starting.start(name, trigger={"triggerType": "CreatePipeline", "triggerDetail": creator})
    return declaration


def update(declaration: model.Declaration) -> dict[str, Any]:
    record = executions.pipeline(declaration["name"])
    declaration["version"] = int(record["pipeline"]["version"]) + 1
    record.update(pipeline=declaration, updated=time.time())
    return declaration


def create_pipeline(members: Request) -> dict[str, Any]:
    declaration = model.normalize(members["pipeline"])
    return {
        "pipeline": _create(declaration, list(members.get("tags") or []), executions.caller()),
        "tags": members.get("tags") or [],
    }


def get_pipeline(members: Request) -> dict[str, Any]:
    record = executions.pipeline(members.get("name"))
    return {
        "pipeline": record["pipeline"],
        "metadata": {
            "pipelineArn": executions.pipeline_arn(record["pipeline"]["name"]),
            "created": record["created"],
            "updated": record["updated"],
        },
    }


def list_pipelines(_: Request) -> dict[str, Any]:
    return {
        "pipelines": [
            {
                "name": name,
                "version": record["pipeline"]["version"],
                "pipelineType": record["pipeline"]["pipelineType"],
                "executionMode": record["pipeline"]["executionMode"],
                "created": record["created"],
                "updated": record["updated"],
            }
            for name, record in executions.pipelines.items()
        ]
    }


def delete_pipeline(members: Request) -> dict[str, Any]:
    remove(str(members.get("name")))
    return {}


def remove(name: str) -> None:
    executions.pipelines.pop(name, None)
    for record in executions.of_pipeline(name):
        if record["status"] in executions.OPEN:
            starting.engine().stop(record, abandon=True)
        executions.executions.pop(record["pipelineExecutionId"], None)


def tagged(members: Request) -> dict[str, Any]:
    return executions.pipeline(str(members.get("resourceArn", "")).rsplit(":", 1)[-1])


def tag(members: Request) -> dict[str, Any]:
    record = tagged(members)
    added = {tag["key"] for tag in members["tags"]}
    record["tags"] = [tag for tag in record["tags"] if tag["key"] not in added] + list(members["tags"])
    return {}


def untag(members: Request) -> dict[str, Any]:
    record = tagged(members)
    record["tags"] = [tag for tag in record["tags"] if tag["key"] not in members["tagKeys"]]
    return {}


def _template_tags(properties: Properties) -> list[dict[str, str]]:
    return [{"key": str(tag["Key"]), "value": str(tag["Value"])} for tag in properties.get("Tags") or []]


def create_resource(logical_id: str, properties: Properties, stack: str) -> Resource:
    name = properties.get("Name") or seams.provisioners._physical_name(stack, logical_id, max_len=100)
    declaration = _create(
        model.from_template(properties, name=name),
        _template_tags(properties),
        f"arn:aws:cloudformation:{scope.region()}:{scope.account()}:stack/{stack}",
    )
    return Resource(name, {"Version": str(declaration["version"])})


def update_resource(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Resource:
    name = new.get("Name") or seams.provisioners._physical_name(stack, logical_id, max_len=100)
    if name != physical_id:
        return create_resource(logical_id, new, stack)
    record = executions.pipeline(name)
    record["tags"] = _template_tags(new)
    if {**old, "Tags": None} != {**new, "Tags": None}:
        update(model.from_template(new, name=name))
        if str(new.get("RestartExecutionOnUpdate", "false")).lower() == "true":
            starting.start(name, trigger={"triggerType": "StartPipelineExecution", "triggerDetail": stack})
    return Resource(name, {"Version": str(record["pipeline"]["version"])})
