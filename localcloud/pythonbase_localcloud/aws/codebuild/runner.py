"""Runs one build in a throw-away container on the box's engine."""

from __future__ import annotations

import io
import json
import logging
import shutil
import stat
import threading
import time
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pythonbase_localcloud.aws import engine, scope, seams
from pythonbase_localcloud.aws.iam import authorization, container_credentials, credentials
from pythonbase_localcloud.aws.settings import Settings

from . import environment, full_clone, reports
from .artifacts import ArtifactError, collect
from .buildspec import Buildspec, BuildspecError, parse
from .logs import BuildLog
from .records import Progress, Record

log = logging.getLogger("localcloud")

_AGENT = Path(__file__).with_name("agent.py")
_SOURCES = "/codebuild/output/src"
_WORK = f"{_SOURCES}/src"
_CONTROL = "/codebuild/agent"
LABEL = "localcloud.build"
"""Label of build containers; its value is the build's id."""


class BuildFailedError(Exception):
    """A phase failed for a reason that is not a command's exit status."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Location:
    """An object in S3."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, text: str) -> Location:
        """From ``bucket/key`` or an ARN."""
        bucket, _, key = text.removeprefix("arn:aws:s3:::").partition("/")
        return cls(bucket=bucket, key=key)


@dataclass(frozen=True, kw_only=True)
class PipelineFiles:
    """Where a pipeline's build finds its sources and puts its artifacts, by artifact name."""

    sources: Mapping[str, Location]
    primary_source: str
    artifacts: Mapping[str, Location]
    revision: str = ""
    encryption_key: str | None = None


@dataclass(kw_only=True)
class Build:
    """One build while it runs."""

    record: Record
    project: Mapping[str, Any]
    overrides: Sequence[Mapping[str, Any]]
    pipeline: PipelineFiles | None = None
    stopped: threading.Event = field(default_factory=threading.Event)
    timed_out: threading.Event = field(default_factory=threading.Event)
    container: Any = None

    def kill(self) -> None:
        """End the container at once."""
        if self.container is not None:
            try:
                self.container.kill()
            except engine.EngineError as error:
                log.debug("the build's container is gone: %s", error)


class Runner:
    """Runs builds; one instance a server."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._engine = engine.connect(settings)

    def run(self, build: Build) -> None:
        """Run to the end; never raises."""
        progress = Progress(build.record)
        directory = self._settings.state / "builds" / build.record["id"].replace(":", "_")
        run = _Run(self._settings, self._engine, build, progress, directory)
        try:
            run.everything()
        except Exception as error:  # the emulator's own fault, which CodeBuild calls FAULT
            log.exception("build %s", build.record["id"])
            if progress.running():
                progress.leave(status="FAULT", code="INTERNAL_SERVICE_ERROR", message=str(error))
            progress.complete("FAULT")
        finally:
            shutil.rmtree(directory, ignore_errors=True)


class _Run:
    def __init__(self, settings: Settings, docker: Any, build: Build, progress: Progress, directory: Path) -> None:
        self._settings = settings
        self._engine = docker
        self._build = build
        self._record = build.record
        self._progress = progress
        self._source = directory / "src"
        self._control = directory / "agent"
        self._session: credentials.Credentials | None = None
        self._log: BuildLog | None = None

    # ------------------------------------------------------------ role

    def _credentials(self) -> credentials.Credentials:
        session = self._session
        if session is None or (session.expiration or 0) - time.time() < 600:  # noqa: PLR2004 - as SDKs renew
            session = credentials.role_session(
                str(self._build.project["serviceRole"]),
                service="codebuild.amazonaws.com",
                session_name=f"AWSCodeBuild-{self._record['id'].split(':', 1)[1]}",
                source_arn=str(self._build.project["arn"]),
            )
            self._session = session
        return session

    def _client(self, service: str) -> Any:
        return credentials.client(service, self._credentials())

    # ------------------------------------------------------------ steps

    def everything(self) -> None:
        """Every phase, in CodeBuild's order."""
        status = "FAILED"
        self._progress.status("IN_PROGRESS")
        self._progress.enter("QUEUED")
        self._progress.leave()
        self._progress.enter("PROVISIONING")
        try:
            self._provision()
            self._progress.leave()
            self._progress.enter("DOWNLOAD_SOURCE")
            self._download()
            spec = self._buildspec()
            variables = environment.resolve(
                spec,
                (self._build.project.get("environment") or {}).get("environmentVariables") or [],
                self._build.overrides,
                self._client,
            )
            self._progress.leave()
            succeeded = self._execute(spec, variables)
            self._hand_over(spec, succeeded=succeeded)
            if succeeded:
                status = "SUCCEEDED"
            self._progress.enter("FINALIZING")
            self._progress.leave()
        except (BuildFailedError, environment.VariableError) as error:
            self._fail(error.code, str(error))
        except BuildspecError as error:
            self._fail("YAML_FILE_ERROR", str(error))
        except ArtifactError as error:
            self._fail("CLIENT_ERROR", str(error))
        except credentials.AssumeRoleError as error:
            self._fail("ACCESS_DENIED", str(error))
        except (ClientError, BotoCoreError, authorization.AccessDeniedError) as error:
            self._fail("CLIENT_ERROR", str(error))
        if self._build.stopped.is_set():
            status = "STOPPED"
        elif self._build.timed_out.is_set():
            status = "TIMED_OUT"
        if self._log:
            self._log.close()
        self._progress.complete(status)

    def _fail(self, code: str, message: str) -> None:
        self._say(f"[Container] Phase context status code: {code} Message: {message}")
        if self._progress.running():
            self._progress.leave(status="FAILED", code=code, message=message)

    def _say(self, line: str) -> None:
        if self._log:
            self._log.write(line)

    def _provision(self) -> None:
        self._source.mkdir(parents=True)
        self._control.mkdir(parents=True)
        logs = self._record["logs"]
        self._credentials()
        if (logs.get("cloudWatchLogs") or {}).get("status") != "DISABLED":
            self._log = BuildLog(
                self._client,
                group=logs["groupName"],
                stream=logs["streamName"],
                create_group=logs["groupName"].startswith("/aws/codebuild/"),
            )

    def _download(self) -> None:
        self._say("[Container] Phase is DOWNLOAD_SOURCE")
        source = self._build.project.get("source") or {}
        if self._build.pipeline:
            primary = self._build.pipeline.primary_source
            for name, location in self._build.pipeline.sources.items():
                self._unpack(location, self._source if name == primary else self._source.parent / f"src-{name}")
        elif source.get("type") == "S3":
            self._unpack(Location.parse(str(source["location"])), self._source)
        elif source.get("type") not in ("NO_SOURCE", None):
            raise BuildFailedError(
                "CLIENT_ERROR",
                f"the local cloud has no source of type {source.get('type')}; it knows S3, CODEPIPELINE and NO_SOURCE",
            )

    def _unpack(self, location: Location, directory: Path) -> None:
        directory.mkdir(exist_ok=True)
        body = self._client("s3").get_object(Bucket=location.bucket, Key=location.key)["Body"].read()
        reference = full_clone.reference_in(body)
        if reference:
            self._clone(reference, directory)
            return
        if not zipfile.is_zipfile(io.BytesIO(body)):
            (directory / Path(location.key).name).write_bytes(body)
            return
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            links = [member for member in archive.infolist() if stat.S_ISLNK(member.external_attr >> 16)]
            for member in archive.infolist():
                if member not in links:
                    self._extract(archive, member, directory)
            # Last, and as links: nothing is written through one.
            for member in links:
                path = directory / member.filename
                path.parent.mkdir(parents=True, exist_ok=True)
                path.symlink_to(archive.read(member).decode())

    def _clone(self, reference: Mapping[str, Any], directory: Path) -> None:
        try:
            full_clone.clone(
                reference,
                directory,
                repositories=self._settings.bitbucket,
                access_key_id=self._credentials().access_key_id,
                inside=_SOURCES,
            )
        except authorization.AccessDeniedError as error:
            raise BuildFailedError("CLIENT_ERROR", f"Unable to use Connection: {error}") from error

    @staticmethod
    def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, directory: Path) -> None:
        extracted = archive.extract(member, directory)
        mode = member.external_attr >> 16
        if mode & 0o777 and not member.is_dir():
            Path(extracted).chmod(mode & 0o777)

    def _buildspec(self) -> Buildspec:
        text = str(self._record.get("_buildspec") or "buildspec.yml")
        if "\n" not in text and not text.lstrip().startswith("{"):
            path = self._source / text
            if not path.is_file():
                raise BuildFailedError("YAML_FILE_ERROR", f"YAML_FILE_ERROR Message: stat {path.name}: no such file")
            text = path.read_text()
        return parse(text)

    # ------------------------------------------------------------ container

    def _execute(self, spec: Buildspec, variables: Mapping[str, str]) -> bool:
        self._control.joinpath("plan.json").write_text(
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
        shutil.copy(_AGENT, self._control / "agent.py")
        token, provided = container_credentials.offer(self._credentials)
        try:
            succeeded = self._run_container({**variables, **self._variables(), **provided})
        finally:
            container_credentials.withdraw(token)
        self._record["exportedEnvironmentVariables"] = self._exported(spec)
        return succeeded

    def _variables(self) -> dict[str, str]:
        record = self._record
        region = scope.region()
        variables = {
            "CODEBUILD_SRC_DIR": _WORK,
            "CODEBUILD_BUILD_ID": record["id"],
            "CODEBUILD_BUILD_ARN": record["arn"],
            "CODEBUILD_BUILD_NUMBER": str(record["buildNumber"]),
            "CODEBUILD_INITIATOR": record["initiator"],
            "CODEBUILD_BUILD_IMAGE": str((self._build.project.get("environment") or {}).get("image", "")),
            "CODEBUILD_START_TIME": str(int(record["startTime"] * 1000)),
            "CODEBUILD_LOG_PATH": record["logs"]["streamName"],
            "CODEBUILD_PROJECT_ARN": self._build.project["arn"],
            "CODEBUILD_RESOLVED_SOURCE_VERSION": record.get("resolvedSourceVersion") or "",
            "CODEBUILD_SOURCE_VERSION": record.get("sourceVersion") or "",
            "CODEBUILD_CI": "true",
            "CODEBUILD_KMS_KEY_ID": record["encryptionKey"],
            "CODEBUILD_AUTH_TOKEN": "",
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_ENDPOINT_URL": self._settings.endpoint,
            "AWS_CA_BUNDLE": f"{_CONTROL}/ca.pem",
            "NODE_EXTRA_CA_CERTS": f"{_CONTROL}/ca.pem",
            # Clients of the registry in a build (docker buildx imagetools) are Go programs and look here.
            "SSL_CERT_FILE": f"{_CONTROL}/ca.pem",
        }
        for name in self._build.pipeline.sources if self._build.pipeline else {}:
            if name != (self._build.pipeline.primary_source if self._build.pipeline else ""):
                variables[f"CODEBUILD_SRC_DIR_{name}"] = f"/codebuild/output/src/src-{name}"
        shutil.copy(self._settings.ca_bundle, self._control / "ca.pem")
        if self._settings.build_ca and self._settings.build_ca.is_file():
            shutil.copy(self._settings.build_ca, self._control / "build-ca.pem")
            variables["BUILD_CA_FILE"] = f"{_CONTROL}/build-ca.pem"
        return variables

    def _run_container(self, variables: Mapping[str, str]) -> bool:
        mounts = {
            str(self._source.parent): {"bind": _SOURCES, "mode": "rw"},
            str(self._control): {"bind": _CONTROL, "mode": "rw"},
        }
        privileged = bool((self._build.project.get("environment") or {}).get("privilegedMode"))
        if privileged:
            socket = self._settings.docker_host.removeprefix("unix://")
            mounts[socket] = {"bind": "/var/run/docker.sock", "mode": "rw"}
        minutes = int(self._record.get("timeoutInMinutes") or 60)
        timer = threading.Timer(minutes * 60, self._time_out)
        container = self._engine.containers.create(
            self._settings.build_image,
            ["python3", f"{_CONTROL}/agent.py", _CONTROL],
            entrypoint=[],
            environment=dict(variables),
            volumes=mounts,
            working_dir=_WORK,
            network_mode="host",
            # Of all that a privileged container may do on AWS, what a build needs: its engine and its firewall.
            cap_add=["NET_ADMIN"] if privileged else [],
            labels={**seams.container_reaper.own_labels("codebuild"), LABEL: self._record["id"]},
        )
        self._build.container = container
        follower = threading.Thread(target=self._follow_events, daemon=True, name="localcloud-build-events")
        try:
            if self._build.stopped.is_set():
                return False
            timer.start()
            container.start()
            follower.start()
            self._copy_output(container)
            status = int(container.wait()["StatusCode"])
        finally:
            timer.cancel()
            self._build.container = None
            container.remove(force=True, v=True)
        follower.join()
        if self._build.timed_out.is_set():
            self._end_open_phase("TIMED_OUT", "BUILD_TIMED_OUT", "Build has timed out. ")
        elif self._build.stopped.is_set():
            self._end_open_phase("STOPPED", "", "")
        elif self._progress.running():
            self._end_open_phase("FAILED", "CLIENT_ERROR", f"the build container ended with status {status}")
        return status == 0 and not self._build.stopped.is_set() and not self._build.timed_out.is_set()

    def _time_out(self) -> None:
        self._build.timed_out.set()
        self._build.kill()

    def _end_open_phase(self, status: str, code: str, message: str) -> None:
        if self._progress.running():
            self._progress.leave(status=status, code=code, message=message)

    def _copy_output(self, container: Any) -> None:
        rest = b""
        for chunk in container.logs(stream=True, follow=True):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._say(line.decode("utf-8", errors="replace").rstrip("\r"))
        if rest:
            self._say(rest.decode("utf-8", errors="replace"))

    def _follow_events(self) -> None:
        """Turn the agent's events into phases while it runs."""
        path = self._control / "events.jsonl"
        position = 0
        while True:
            over = self._build.container is None
            text = path.read_text() if path.exists() else ""
            complete = text.rfind("\n") + 1
            for line in text[position:complete].splitlines():
                self._apply_event(json.loads(line))
            position = complete
            if over:
                return
            time.sleep(0.1)

    def _apply_event(self, event: Mapping[str, Any]) -> None:
        if "started" in event:
            self._progress.enter(event["phase"], at=event["started"])
        elif event.get("failure"):
            self._progress.leave(
                at=event["ended"], status="FAILED", code="COMMAND_EXECUTION_ERROR", message=event["failure"]
            )
        else:
            self._progress.leave(at=event["ended"])

    def _exported(self, spec: Buildspec) -> list[dict[str, str]]:
        path = self._control / "environment.json"
        values = json.loads(path.read_text()) if path.exists() else {}
        return [{"name": name, "value": values.get(name, "")} for name in spec.exported_variables]

    # ------------------------------------------------------------ artifacts

    def _hand_over(self, spec: Buildspec, *, succeeded: bool) -> None:
        """Reports of a failed build too. Its artifacts would be uploaded as well, but a pipeline ignores them."""
        if not succeeded and not spec.reports:
            return
        self._progress.enter("UPLOAD_ARTIFACTS")
        self._report(spec)
        if succeeded:
            self._upload(spec)
        self._progress.leave()

    def _report(self, spec: Buildspec) -> None:
        for report in spec.reports:
            arn = reports.publish(
                report,
                root=self._source,
                project=str(self._record["projectName"]),
                build_arn=str(self._record["arn"]),
                access_key_id=self._credentials().access_key_id,
                say=self._say,
            )
            self._record["reportArns"].append(arn)

    def _upload(self, spec: Buildspec) -> None:
        pipeline = self._build.pipeline
        if pipeline is not None:
            names = list(pipeline.artifacts)
            for name, location in pipeline.artifacts.items():
                # One artifact: the buildspec's own; several: the secondary artifact of that name.
                artifacts = spec.artifacts if len(names) == 1 else spec.secondary_artifacts.get(name)
                if artifacts is None:
                    raise ArtifactError(f"no matching artifact definition found for {name}")
                self._put(artifacts, location, pipeline.encryption_key)
            return
        configured = self._build.project.get("artifacts") or {}
        if configured.get("type") == "S3" and spec.artifacts:
            parts = [
                str(configured.get("path") or "").strip("/"),
                self._record["id"].split(":", 1)[1] if configured.get("namespaceType") == "BUILD_ID" else "",
                str(configured.get("name") or self._build.project["name"]),
            ]
            self._put(
                spec.artifacts,
                Location(bucket=str(configured["location"]), key="/".join(part for part in parts if part)),
                None,
            )

    def _put(self, artifacts: Any, location: Location, encryption_key: str | None) -> None:
        archive = self._control / "artifact.zip"
        count = collect(self._source, artifacts, archive)
        self._say(f"[Container] Expanding base directory path: {artifacts.base_directory}; {count} file(s)")
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": encryption_key} if encryption_key else {}
        with archive.open("rb") as body:
            self._client("s3").put_object(Bucket=location.bucket, Key=location.key, Body=body, **encryption)
