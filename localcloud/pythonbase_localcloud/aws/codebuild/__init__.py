"""CodeBuild: builds run for real, in a container, with the project's service role."""

from __future__ import annotations

import copy
import re
import threading
import time
from collections.abc import Mapping
from typing import Any

from pythonbase_localcloud.aws import scope, seams, store
from pythonbase_localcloud.aws.cloudformation.builds import normalize
from pythonbase_localcloud.aws.json_service import ApiError, Request
from pythonbase_localcloud.aws.json_service import call as call_operation
from pythonbase_localcloud.aws.settings import Settings
from pythonbase_localcloud.aws.small_services import service_quotas

from . import reports
from .build import Build, PipelineFiles
from .logs import destination
from .records import Progress, deep_link, public
from .runner import Runner

_running: dict[str, Build] = {}
_pipeline_files: dict[str, PipelineFiles] = {}
_starting = threading.Lock()


def expect_pipeline_build(token: str, files: PipelineFiles) -> None:
    """The next StartBuild with this idempotency token is a pipeline's, with these files.

    On AWS the two services hand this over between themselves, out of the caller's sight.
    """
    _pipeline_files[token] = files


def start_build(members: Request) -> dict[str, Any]:
    """StartBuild."""
    name = str(members.get("projectName") or "").rsplit("/", 1)[-1]
    stored = seams.codebuild._projects.get(name)
    if stored is None:
        raise ApiError("ResourceNotFoundException", f"Project cannot be found: {_project_arn(name)}")
    project = copy.deepcopy(stored)
    normalize(project)
    pipeline = _pipeline_files.pop(str(members.get("idempotencyToken") or ""), None)
    if (project.get("source") or {}).get("type") == "CODEPIPELINE" and pipeline is None:
        raise ApiError(
            "InvalidInputException", "Project source type is CODEPIPELINE: builds of it are started by a pipeline"
        )
    _override(project, members)
    overrides = [dict(variable) for variable in members.get("environmentVariablesOverride") or []]
    with _starting:
        _check_quota()
        build_id = seams.codebuild._build_id(name)
        record = _record(project, build_id, members, pipeline, overrides)
        seams.codebuild._builds[build_id] = record
    build = Build(record=record, project=project, overrides=overrides, pipeline=pipeline)
    _running[build_id] = build
    scope.spawn(_run, build, name=f"build-{name[:30]}")
    return {"build": public(copy.deepcopy(record))}


def _check_quota() -> None:
    """Refuse a build beyond the account's quota, as accounts with a small one report it.

    AWS's page speaks of a queue of five times the quota; those who met the error met it with as many builds as the
    quota says: https://docs.aws.amazon.com/codebuild/latest/userguide/builds-working.html,
    https://github.com/aws/aws-cdk/issues/27335, https://github.com/awslabs/landing-zone-accelerator-on-aws/issues/249
    """
    quota = int(service_quotas.value(*service_quotas.BUILDS))
    if sum(1 for build in seams.codebuild._builds.values() if not build.get("buildComplete")) >= quota:
        raise ApiError(
            "AccountLimitExceededException", f"Cannot have more than {quota} builds in queue for the account"
        )


_runner: list[Runner] = []


def _run(build: Build) -> None:
    try:
        _runner[0].run(build)
    finally:
        _running.pop(build.record["id"], None)


def _override(project: dict[str, Any], members: Request) -> None:
    environment, source = project.setdefault("environment", {}), project.setdefault("source", {})
    for member, target, key in (
        ("imageOverride", environment, "image"),
        ("computeTypeOverride", environment, "computeType"),
        ("privilegedModeOverride", environment, "privilegedMode"),
        ("environmentTypeOverride", environment, "type"),
        ("sourceTypeOverride", source, "type"),
        ("sourceLocationOverride", source, "location"),
        ("buildspecOverride", source, "buildspec"),
        ("serviceRoleOverride", project, "serviceRole"),
        ("timeoutInMinutesOverride", project, "timeoutInMinutes"),
        ("artifactsOverride", project, "artifacts"),
        ("logsConfigOverride", project, "logsConfig"),
        ("encryptionKeyOverride", project, "encryptionKey"),
    ):
        if member in members:
            target[key] = members[member]


def _record(
    project: Mapping[str, Any],
    build_id: str,
    members: Request,
    pipeline: PipelineFiles | None,
    overrides: list[dict[str, Any]],
) -> dict[str, Any]:
    now = time.time()
    group, stream, _ = destination(project, build_id)
    numbers = [
        int(build.get("buildNumber", 0))
        for build in seams.codebuild._builds.values()
        if build.get("projectName") == project["name"]
    ]
    environment = copy.deepcopy(project.get("environment") or {})
    replaced = {variable["name"] for variable in overrides}
    environment["environmentVariables"] = [
        *(variable for variable in environment.get("environmentVariables") or [] if variable["name"] not in replaced),
        *({"type": "PLAINTEXT", **variable} for variable in overrides),
    ]
    return {
        "id": build_id,
        "arn": seams.codebuild._build_arn(build_id),
        "buildNumber": max(numbers, default=0) + 1,
        "startTime": now,
        "currentPhase": "SUBMITTED",
        "buildStatus": "IN_PROGRESS",
        "buildComplete": False,
        "sourceVersion": members.get("sourceVersion") or project.get("sourceVersion") or "",
        "resolvedSourceVersion": pipeline.revision if pipeline else members.get("sourceVersion") or "",
        "projectName": project["name"],
        "phases": [
            {
                "phaseType": "SUBMITTED",
                "phaseStatus": "SUCCEEDED",
                "startTime": now,
                "endTime": now,
                "durationInSeconds": 0,
            }
        ],
        "source": project.get("source") or {},
        "artifacts": {"location": ""} if pipeline else {},
        "environment": environment,
        "serviceRole": project["serviceRole"],
        "cache": project.get("cache") or {"type": "NO_CACHE"},
        "logs": {
            "groupName": group,
            "streamName": stream,
            "deepLink": deep_link(group, stream),
            "cloudWatchLogsArn": f"arn:aws:logs:{scope.region()}:{scope.account()}:log-group:{group}"
            f":log-stream:{stream}",
            "cloudWatchLogs": (project.get("logsConfig") or {}).get("cloudWatchLogs") or {"status": "ENABLED"},
        },
        "timeoutInMinutes": int(project.get("timeoutInMinutes") or 60),
        "queuedTimeoutInMinutes": int(project.get("queuedTimeoutInMinutes") or 480),
        "initiator": _initiator(),
        "encryptionKey": project.get("encryptionKey") or "",
        "exportedEnvironmentVariables": [],
        "reportArns": [],
        "_buildspec": (project.get("source") or {}).get("buildspec"),
    }


def _initiator() -> str:
    """Who started the build, as CodeBuild shortens it: ``codepipeline/name``, ``role/session``, ``user``."""
    arn = str(seams.iam_evaluator.caller_arn())
    match = re.search(r":assumed-role/([^/]+)/(.+)$", arn)
    if match:
        role, session = match.groups()
        return (
            session.replace("CodePipeline-", "codepipeline/", 1)
            if session.startswith("CodePipeline-")
            else f"{role}/{session}"
        )
    return arn.rsplit("/", 1)[-1] if "/" in arn else arn.rsplit(":", 1)[-1]


def _project_arn(name: str) -> str:
    return str(seams.codebuild._project_arn(name))


def _identifier(value: Any) -> str:
    """A build's id from an id or an ARN."""
    return str(value).split(":build/", 1)[-1]


def batch_get_builds(members: Request) -> dict[str, Any]:
    """BatchGetBuilds."""
    found, missing = [], []
    for value in members.get("ids") or []:
        record = seams.codebuild._builds.get(_identifier(value))
        if record is None:
            missing.append(value)
        else:
            found.append(public(copy.deepcopy(record)))
    return {"builds": found, "buildsNotFound": missing}


def stop_build(members: Request) -> dict[str, Any]:
    """StopBuild: the container is killed; the status becomes STOPPED."""
    build_id = _identifier(members.get("id"))
    record = seams.codebuild._builds.get(build_id)
    if record is None:
        raise ApiError("ResourceNotFoundException", f"Build cannot be found: {build_id}")
    build = _running.get(build_id)
    if build is not None:
        build.stopped.set()
        build.kill()
        end = time.monotonic() + 10
        while not record["buildComplete"] and time.monotonic() < end:
            time.sleep(0.05)
    return {"build": public(copy.deepcopy(record))}


def list_builds_for_project(members: Request) -> dict[str, Any]:
    """ListBuildsForProject, newest first unless asked otherwise."""
    name = str(members.get("projectName") or "")
    if name not in seams.codebuild._projects:
        raise ApiError("ResourceNotFoundException", f"Project cannot be found: {_project_arn(name)}")
    builds = sorted(
        (record for record in seams.codebuild._builds.values() if record["projectName"] == name),
        key=lambda record: int(record["buildNumber"]),
        reverse=members.get("sortOrder") != "ASCENDING",
    )
    return {"ids": [record["id"] for record in builds]}


def end_interrupted_builds() -> None:
    """After a restart no build runs; those that did are reported as faults."""
    for (account, region, _), record in seams.codebuild._builds.all_items():
        if not record.get("buildComplete", True):
            with scope.scoped(account, region):
                progress = Progress(record)
                if progress.running():
                    progress.leave(
                        status="FAULT",
                        code="INTERNAL_SERVICE_ERROR",
                        message="the local cloud was stopped while the build ran",
                    )
                progress.complete("FAULT")


def install(settings: Settings) -> None:
    """Replace MiniStack's build operations."""
    _runner.append(Runner(settings))
    reports.install()
    store.after_load(end_interrupted_builds)
    for private, operation in {
        "_start_build": start_build,
        "_batch_get_builds": batch_get_builds,
        "_stop_build": stop_build,
        "_list_builds_for_project": list_builds_for_project,
    }.items():

        def call(members: Request, operation: Any = operation) -> Any:
            return call_operation(operation, _encoded(members))

        setattr(seams.codebuild, private, call)
    create = seams.codebuild._create_project

    def create_project(members: Request) -> Any:
        response = create(members)
        project = seams.codebuild._projects.get(members.get("name", ""))
        if response[0] == 200 and project is not None:  # noqa: PLR2004
            project.update(
                {
                    key: members[key]
                    for key in ("vpcConfig", "logsConfig", "cache", "queuedTimeoutInMinutes", "concurrentBuildLimit")
                    if key in members
                }
            )
            normalize(project)
        return response

    seams.codebuild._create_project = create_project


def _encoded(members: Request) -> bytes:
    import json  # noqa: PLC0415

    return json.dumps(members).encode()
