"""What an action needs before it runs: its record, resolved variables, a session of its role, its artifacts."""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from pythonbase_localcloud.aws import scope
from pythonbase_localcloud.aws.codebuild.build import Location
from pythonbase_localcloud.aws.iam import credentials
from pythonbase_localcloud.aws.settings import Settings

from . import executions, model
from .context import ActionContext, ActionFailedError

Record = executions.Record
_VARIABLE = re.compile(r"#\{([\w@-]+)\.([\w@.-]+)\}")


def new_detail(record: Record, stage: str, action: Mapping[str, Any]) -> Record:
    """The record of an action that starts now."""
    now = time.time()
    return {
        "pipelineExecutionId": record["pipelineExecutionId"],
        "actionExecutionId": str(uuid4()),
        "pipelineVersion": record["pipelineVersion"],
        "stageName": stage,
        "actionName": action["name"],
        "startTime": now,
        "lastUpdateTime": now,
        "status": "InProgress",
        "input": {
            "actionTypeId": dict(action["actionTypeId"]),
            "configuration": dict(action["configuration"]),
            "resolvedConfiguration": {},
            "region": action.get("region") or scope.region(),
            **({"roleArn": action["roleArn"]} if action.get("roleArn") else {}),
            **({"namespace": action["namespace"]} if action.get("namespace") else {}),
            "inputArtifacts": [
                {"name": artifact["name"], "s3location": record["_artifacts"].get(artifact["name"])}
                for artifact in action["inputArtifacts"]
            ],
        },
        "output": {"outputArtifacts": [], "executionResult": {}, "outputVariables": {}},
    }


def context_of(
    settings: Settings,
    record: Record,
    stage: str,
    action: Mapping[str, Any],
    detail: Record,
    abandoned: threading.Event,
) -> ActionContext:
    """What the action gets; raises if a variable is unknown or the role cannot be taken."""
    configuration = {key: _resolve(record, str(value)) for key, value in action["configuration"].items()}
    detail["input"]["resolvedConfiguration"] = configuration
    session = _session(record, action)
    region = action.get("region") or scope.region()
    store = model.store_of(record["_declaration"], region)
    revisions = record["artifactRevisions"]
    return ActionContext(
        settings=settings,
        pipeline=record["pipelineName"],
        stage=stage,
        execution_id=record["pipelineExecutionId"],
        action_execution_id=detail["actionExecutionId"],
        action=action,
        configuration=configuration,
        session=session,
        client=lambda service: credentials.client(service, session, region=region),
        inputs={
            artifact["name"]: Location(bucket=stored["bucket"], key=stored["key"])
            for artifact in action["inputArtifacts"]
            if (stored := record["_artifacts"].get(artifact["name"]))
        },
        output_location=_locations(record, store),
        encryption_key=(store.get("encryptionKey") or {}).get("id"),
        source_revision=revisions[0]["revisionId"] if revisions else "",
        trigger_revision=record["_revisions"].get(action["name"]) or {},
        abandoned=abandoned,
    )


def _resolve(record: Record, text: str) -> str:
    def value(match: re.Match[str]) -> str:
        namespace, name = match.groups()
        if namespace == "codepipeline" and name == "PipelineExecutionId":
            return str(record["pipelineExecutionId"])
        try:
            return str(record["_namespaces"][namespace][name])
        except KeyError as error:
            raise ActionFailedError(
                "An action in this pipeline failed because one of the pipeline's variables "
                f"could not be resolved: {match.group(0)}",
                code="ConfigurationError",
            ) from error

    return _VARIABLE.sub(value, text)


def _session(record: Record, action: Mapping[str, Any]) -> credentials.Credentials:
    """The pipeline's role; an action with a role of its own is assumed from it, as on AWS."""
    name = record["pipelineName"]
    pipeline = credentials.role_session(
        record["_declaration"]["roleArn"],
        service="codepipeline.amazonaws.com",
        session_name=f"CodePipeline-{name}",
        source_arn=executions.pipeline_arn(name),
    )
    role = action.get("roleArn")
    if not role:
        return pipeline
    assumed = credentials.client("sts", pipeline).assume_role(
        RoleArn=role, RoleSessionName=f"CodePipeline-{name}"[:64]
    )["Credentials"]
    return credentials.Credentials(
        access_key_id=assumed["AccessKeyId"],
        session_token=assumed["SessionToken"],
        secret_access_key=assumed["SecretAccessKey"],
    )


def _locations(record: Record, store: Mapping[str, Any]) -> Callable[[str], Location]:
    def location(artifact: str) -> Location:
        return Location(
            bucket=store["location"],
            key=f"{record['pipelineName'][:20]}/{artifact[:10]}/{secrets.token_urlsafe(8)[:7]}",
        )

    return location
