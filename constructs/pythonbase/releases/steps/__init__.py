"""The steps of a release, in the Amazon States Language: lock, deploy by digest, verify what runs, record.

Pure data; ``ReleaseMachine`` gives it a role.
"""

from __future__ import annotations

from pythonbase.releases.steps.begin import begin
from pythonbase.releases.steps.deploy import deploy
from pythonbase.releases.steps.failures import back_off, remember
from pythonbase.releases.steps.lock import lock, unlock
from pythonbase.releases.steps.look import look, unread
from pythonbase.releases.steps.put_back import explain, put_back
from pythonbase.releases.steps.record import record
from pythonbase.releases.steps.states import State
from pythonbase.releases.steps.target import ReleaseTarget
from pythonbase.releases.steps.verify import verify

__all__ = ["ReleaseTarget", "release_steps"]


def release_steps(target: ReleaseTarget) -> State:
    """The definition of the state machine.

    Its input, all optional: ``{"image", "baseImage", "commit", "by", "why", "now", "pipeline", "stage",
    "pipelineExecution", "template"}``. Without an image, what is recorded is released again if something else runs.
    ``template`` is the revision of a task definition to release it with, in place of what the service runs.
    """
    return {
        "Comment": f"Releases images of {target.names.service_name} to {target.names.deployed_name}",
        "QueryLanguage": "JSONata",
        # Not an argument of the construct, which has no effect on a definition in text:
        # https://github.com/aws/aws-cdk/issues/37150
        "TimeoutSeconds": target.limit_seconds,
        "StartAt": "Begin",
        "States": {
            **begin(),
            **lock(target),
            **look(target, then="Manifest" if target.repository_is_here else "HoldRegister"),
            **back_off(target, then="IsADigest"),
            **deploy(target),
            **explain(target),
            **verify(target),
            **record(target),
            **put_back(target),
            **unread(),
            **remember(target, then="UnlockFailed"),
            "Unlock": unlock(target, "Released"),
            "Released": {"Type": "Succeed", "Output": {"image": "{% $image %}", "taskDefinition": "{% $revision %}"}},
            "UnlockFailed": unlock(target, "Fail"),
            "Fail": {"Type": "Fail", "Error": "{% $error %}", "Cause": "{% $cause %}"},
        },
    }
