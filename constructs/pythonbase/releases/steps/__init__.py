"""The steps of a release: lock, deploy by digest, verify what runs, record.

Pure data; ``ReleaseMachine`` gives it a role. Each phase is a module, and says with which step it continues. They share
``target``, ``variables`` (what each variable means), ``calls``, ``hold`` and ``service``.
"""

from __future__ import annotations

from pythonbase.releases.steps.begin import begin
from pythonbase.releases.steps.end import end
from pythonbase.releases.steps.explain import explain
from pythonbase.releases.steps.failures import back_off, remember
from pythonbase.releases.steps.keep import keep
from pythonbase.releases.steps.lock import lock
from pythonbase.releases.steps.look import look
from pythonbase.releases.steps.put_back import put_back, unread
from pythonbase.releases.steps.record import record
from pythonbase.releases.steps.register import register
from pythonbase.releases.steps.target import ReleaseTarget
from pythonbase.releases.steps.update import update
from pythonbase.releases.steps.verify import verify
from pythonbase.releases.steps.watch import watch
from pythonbase.state_machines.definition import definition
from pythonbase.state_machines.states import State

__all__ = ["ReleaseTarget", "release_steps"]


def release_steps(target: ReleaseTarget) -> State:
    """The definition of the state machine.

    Its input, all optional: ``{"image", "baseImage", "commit", "by", "why", "now", "pipeline", "stage",
    "pipelineExecution", "template"}``. Without an image, the recorded image is released if another one runs.
    ``template`` is the revision of a task definition to release it with, instead of the one that the service runs.
    """
    return definition(
        f"Releases images of {target.names.service_name} to {target.names.deployed_name}",
        {
            **begin(),
            **lock(target),
            **look(target),
            **back_off(target),
            **keep(target),
            **register(target),
            **update(target),
            **watch(target),
            **explain(target),
            **verify(target),
            **record(target),
            # The ways out.
            **put_back(target),
            **unread(),
            **remember(target),
            **end(target),
        },
        timeout_seconds=target.limit_seconds,
    )
