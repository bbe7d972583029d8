"""Invoke action: a Lambda function, which reports its result through the API."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from pythonbase_localcloud.aws import scope
from pythonbase_localcloud.aws.codepipeline.context import ActionContext, ActionFailedError
from pythonbase_localcloud.aws.json_service import ApiError

_TIMEOUT_SECONDS = 20 * 60
"""CodePipeline waits 20 minutes for the result of a function."""
_POLL_SECONDS = 0.2


@dataclass
class Job:
    """A job that waits for PutJobSuccessResult or PutJobFailureResult."""

    done: threading.Event = field(default_factory=threading.Event)
    failure: Mapping[str, Any] | None = None
    variables: Mapping[str, str] = field(default_factory=dict)


_jobs: dict[str, Job] = {}


def run(context: ActionContext) -> Mapping[str, str]:
    """Invoke the function with the job event and wait until it reports."""
    job_id, job = str(uuid4()), Job()
    _jobs[job_id] = job
    context.result.update(externalExecutionId=job_id)
    try:
        response = context.client("lambda").invoke(
            FunctionName=context.configuration["FunctionName"],
            InvocationType="Event",
            Payload=json.dumps({"CodePipeline.job": _event(context, job_id)}).encode(),
        )
        if response.get("FunctionError"):
            raise ActionFailedError(f"the function failed: {response['FunctionError']}")
        waited = 0.0
        while not job.done.wait(0):
            if waited > _TIMEOUT_SECONDS:
                raise ActionFailedError("the function did not report its result in 20 minutes", code="Timeout")
            context.wait(_POLL_SECONDS)
            waited += _POLL_SECONDS
    finally:
        _jobs.pop(job_id, None)
    if job.failure is not None:
        raise ActionFailedError(str(job.failure.get("message") or "the function reported a failure"))
    return job.variables


def _event(context: ActionContext, job_id: str) -> Mapping[str, Any]:
    session = context.session
    return {
        "id": job_id,
        "accountId": scope.account(),
        "data": {
            "actionConfiguration": {"configuration": dict(context.configuration)},
            "inputArtifacts": [
                {
                    "name": name,
                    "revision": None,
                    "location": {
                        "type": "S3",
                        "s3Location": {"bucketName": location.bucket, "objectKey": location.key},
                    },
                }
                for name, location in context.inputs.items()
            ],
            "outputArtifacts": [],
            "artifactCredentials": {
                "accessKeyId": session.access_key_id,
                "secretAccessKey": session.secret_access_key,
                "sessionToken": session.session_token,
            },
        },
    }


def _job(members: Mapping[str, Any]) -> Job:
    job = _jobs.get(str(members.get("jobId")))
    if job is None:
        raise ApiError("JobNotFoundException", f"the job {members.get('jobId')} was not found")
    return job


def put_success(members: Mapping[str, Any]) -> dict[str, Any]:
    """PutJobSuccessResult."""
    job = _job(members)
    job.variables = members.get("outputVariables") or {}
    job.done.set()
    return {}


def put_failure(members: Mapping[str, Any]) -> dict[str, Any]:
    """PutJobFailureResult."""
    job = _job(members)
    job.failure = members.get("failureDetails") or {}
    job.done.set()
    return {}
