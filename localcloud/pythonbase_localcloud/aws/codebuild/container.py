"""The container of a build: the plan for the agent in it, its environment, its output and events."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pythonbase_localcloud.aws import scope, seams
from pythonbase_localcloud.aws.iam import container_credentials

from .build import SOURCES, Work
from .buildspec import Buildspec

LABEL = "localcloud.build"
"""Label of build containers; its value is the build's id."""
_AGENT = Path(__file__).with_name("agent.py")
_WORK = f"{SOURCES}/src"
_CONTROL = "/codebuild/agent"


def execute(engine: Any, work: Work, spec: Buildspec, variables: Mapping[str, str]) -> bool:
    """Run the phases of the buildspec; whether all commands succeeded."""
    work.control.joinpath("plan.json").write_text(
        json.dumps(
            {
                "shell": {"bash": "bash", "sh": "sh"}.get(spec.shell, spec.shell),
                "source": _WORK,
                "exported": list(spec.exported_variables),
                "phases": [
                    {
                        "name": phase.name,
                        "commands": phase.commands,
                        "finally": phase.finally_,
                        "onFailure": phase.on_failure,
                    }
                    for phase in spec.phases
                ],
            }
        )
    )
    shutil.copy(_AGENT, work.control / "agent.py")
    token, provided = container_credentials.offer(work.credentials)
    try:
        succeeded = _run_container(engine, work, {**variables, **_variables(work), **provided})
    finally:
        container_credentials.withdraw(token)
    work.record["exportedEnvironmentVariables"] = _exported(work, spec)
    return succeeded


def _variables(work: Work) -> dict[str, str]:
    record = work.record
    region = scope.region()
    variables = {
        "CODEBUILD_SRC_DIR": _WORK,
        "CODEBUILD_BUILD_ID": record["id"],
        "CODEBUILD_BUILD_ARN": record["arn"],
        "CODEBUILD_BUILD_NUMBER": str(record["buildNumber"]),
        "CODEBUILD_INITIATOR": record["initiator"],
        "CODEBUILD_BUILD_IMAGE": str((work.build.project.get("environment") or {}).get("image", "")),
        "CODEBUILD_START_TIME": str(int(record["startTime"] * 1000)),
        "CODEBUILD_LOG_PATH": record["logs"]["streamName"],
        "CODEBUILD_PROJECT_ARN": work.build.project["arn"],
        "CODEBUILD_RESOLVED_SOURCE_VERSION": record.get("resolvedSourceVersion") or "",
        "CODEBUILD_SOURCE_VERSION": record.get("sourceVersion") or "",
        "CODEBUILD_CI": "true",
        "CODEBUILD_KMS_KEY_ID": record["encryptionKey"],
        "CODEBUILD_AUTH_TOKEN": "",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ENDPOINT_URL": work.settings.endpoint,
        "AWS_CA_BUNDLE": f"{_CONTROL}/ca.pem",
        "NODE_EXTRA_CA_CERTS": f"{_CONTROL}/ca.pem",
        # Clients of the registry in a build (docker buildx imagetools) are Go programs and look here.
        "SSL_CERT_FILE": f"{_CONTROL}/ca.pem",
    }
    for name in work.build.pipeline.sources if work.build.pipeline else {}:
        if name != (work.build.pipeline.primary_source if work.build.pipeline else ""):
            variables[f"CODEBUILD_SRC_DIR_{name}"] = f"/codebuild/output/src/src-{name}"
    shutil.copy(work.settings.ca_bundle, work.control / "ca.pem")
    if work.settings.build_ca and work.settings.build_ca.is_file():
        shutil.copy(work.settings.build_ca, work.control / "build-ca.pem")
        variables["BUILD_CA_FILE"] = f"{_CONTROL}/build-ca.pem"
    return variables


def _run_container(engine: Any, work: Work, variables: Mapping[str, str]) -> bool:
    mounts = {
        str(work.source.parent): {"bind": SOURCES, "mode": "rw"},
        str(work.control): {"bind": _CONTROL, "mode": "rw"},
    }
    privileged = bool((work.build.project.get("environment") or {}).get("privilegedMode"))
    if privileged:
        socket = work.settings.docker_host.removeprefix("unix://")
        mounts[socket] = {"bind": "/var/run/docker.sock", "mode": "rw"}
    minutes = int(work.record.get("timeoutInMinutes") or 60)
    timer = threading.Timer(minutes * 60, _time_out, [work])
    container = engine.containers.create(
        work.settings.build_image,
        ["python3", f"{_CONTROL}/agent.py", _CONTROL],
        entrypoint=[],
        environment=dict(variables),
        volumes=mounts,
        working_dir=_WORK,
        network_mode="host",
        # Of all that a privileged container may do on AWS, what a build needs: its engine and its firewall.
        cap_add=["NET_ADMIN"] if privileged else [],
        labels={**seams.container_reaper.own_labels("codebuild"), LABEL: work.record["id"]},
    )
    work.build.container = container
    follower = threading.Thread(target=_follow_events, args=(work,), daemon=True, name="localcloud-build-events")
    try:
        if work.build.stopped.is_set():
            return False
        timer.start()
        container.start()
        follower.start()
        _copy_output(work, container)
        status = int(container.wait()["StatusCode"])
    finally:
        timer.cancel()
        work.build.container = None
        container.remove(force=True, v=True)
    follower.join()
    if work.build.timed_out.is_set():
        _end_open_phase(work, "TIMED_OUT", "BUILD_TIMED_OUT", "Build has timed out. ")
    elif work.build.stopped.is_set():
        _end_open_phase(work, "STOPPED", "", "")
    elif work.progress.running():
        _end_open_phase(work, "FAILED", "CLIENT_ERROR", f"the build container ended with status {status}")
    return status == 0 and not work.build.stopped.is_set() and not work.build.timed_out.is_set()


def _time_out(work: Work) -> None:
    work.build.timed_out.set()
    work.build.kill()


def _end_open_phase(work: Work, status: str, code: str, message: str) -> None:
    if work.progress.running():
        work.progress.leave(status=status, code=code, message=message)


def _copy_output(work: Work, container: Any) -> None:
    rest = b""
    for chunk in container.logs(stream=True, follow=True):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            work.say(line.decode("utf-8", errors="replace").rstrip("\r"))
    if rest:
        work.say(rest.decode("utf-8", errors="replace"))


def _follow_events(work: Work) -> None:
    """Turn the agent's events into phases while it runs."""
    path = work.control / "events.jsonl"
    position = 0
    while True:
        over = work.build.container is None
        text = path.read_text() if path.exists() else ""
        complete = text.rfind("\n") + 1
        for line in text[position:complete].splitlines():
            _apply_event(work, json.loads(line))
        position = complete
        if over:
            return
        time.sleep(0.1)


def _apply_event(work: Work, event: Mapping[str, Any]) -> None:
    if "started" in event:
        work.progress.enter(event["phase"], at=event["started"])
    elif event.get("failure"):
        work.progress.leave(
            at=event["ended"], status="FAILED", code="COMMAND_EXECUTION_ERROR", message=event["failure"]
        )
    else:
        work.progress.leave(at=event["ended"])


def _exported(work: Work, spec: Buildspec) -> list[dict[str, str]]:
    path = work.control / "environment.json"
    values = json.loads(path.read_text()) if path.exists() else {}
    return [{"name": name, "value": values.get(name, "")} for name in spec.exported_variables]
