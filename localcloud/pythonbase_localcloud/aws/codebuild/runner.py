"""Runs one build in a throw-away container on the box's engine."""

from __future__ import annotations

import logging
import shutil

from botocore.exceptions import BotoCoreError, ClientError

from pythonbase_localcloud.aws import engine
from pythonbase_localcloud.aws.iam import authorization, credentials
from pythonbase_localcloud.aws.settings import Settings

from . import container, environment, outputs, sources
from .artifacts import ArtifactError
from .build import Build, BuildFailedError, Work
from .buildspec import BuildspecError
from .records import Progress

log = logging.getLogger("localcloud")


class Runner:
    """Runs builds; one instance a server."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._engine = engine.connect(settings)

    def run(self, build: Build) -> None:
        """Run to the end; never raises."""
        progress = Progress(build.record)
        directory = self._settings.state / "builds" / build.record["id"].replace(":", "_")
        try:
            self._everything(Work(self._settings, build, progress, directory))
        except Exception as error:  # the emulator's own fault, which CodeBuild calls FAULT
            log.exception("build %s", build.record["id"])
            if progress.running():
                progress.leave(status="FAULT", code="INTERNAL_SERVICE_ERROR", message=str(error))
            progress.complete("FAULT")
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def _everything(self, work: Work) -> None:
        """Every phase, in CodeBuild's order."""
        status = "FAILED"
        work.progress.status("IN_PROGRESS")
        work.progress.enter("QUEUED")
        work.progress.leave()
        work.progress.enter("PROVISIONING")
        try:
            work.open()
            work.progress.leave()
            work.progress.enter("DOWNLOAD_SOURCE")
            sources.download(work)
            spec = sources.buildspec(work)
            variables = environment.resolve(
                spec,
                (work.build.project.get("environment") or {}).get("environmentVariables") or [],
                work.build.overrides,
                work.client,
            )
            work.progress.leave()
            succeeded = container.execute(self._engine, work, spec, variables)
            outputs.hand_over(work, spec, succeeded=succeeded)
            if succeeded:
                status = "SUCCEEDED"
            work.progress.enter("FINALIZING")
            work.progress.leave()
        except (BuildFailedError, environment.VariableError) as error:
            _fail(work, error.code, str(error))
        except BuildspecError as error:
            _fail(work, "YAML_FILE_ERROR", str(error))
        except ArtifactError as error:
            _fail(work, "CLIENT_ERROR", str(error))
        except credentials.AssumeRoleError as error:
            _fail(work, "ACCESS_DENIED", str(error))
        except (ClientError, BotoCoreError, authorization.AccessDeniedError) as error:
            _fail(work, "CLIENT_ERROR", str(error))
        if work.build.stopped.is_set():
            status = "STOPPED"
        elif work.build.timed_out.is_set():
            status = "TIMED_OUT"
        if work.log:
            work.log.close()
        work.progress.complete(status)


def _fail(work: Work, code: str, message: str) -> None:
    work.say(f"[Container] Phase context status code: {code} Message: {message}")
    if work.progress.running():
        work.progress.leave(status="FAILED", code=code, message=message)
