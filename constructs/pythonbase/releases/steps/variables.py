"""The variables of a release, with what they mean and their first values.

Which steps assign and read them: docs/release-variables.md, which ``make docs`` writes.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Variable:
    """A variable of the state machine.

    Args:
        meaning: What it contains.
        first: The expression of its first value, which the step ``Begin`` assigns. Default: a later step assigns it
            before any step reads it.
    """

    meaning: str
    first: str | None = None


def _given(name: str) -> str:
    return f"$exists($states.input.{name}) ? $states.input.{name} : ''"


def _given_text(name: str) -> str:
    # SSM takes no {{ in a value, and 4,096 characters.
    return f"$exists($states.input.{name}) ? $substring($replace($states.input.{name}, /[{{}}]/, ' '), 0, 500) : ''"


VARIABLES = {
    # From the input.
    "image": Variable("the image to release; without one in the input, the recorded image", _given("image")),
    "baseImage": Variable("the base image that `image` was built on; empty if there is none", _given("baseImage")),
    "commit": Variable("the commit that `image` was built from", _given("commit")),
    "pipeline": Variable("name of the pipeline that started the release", _given("pipeline")),
    "stage": Variable("name of the stage of `pipeline`", _given("stage")),
    "pipelineExecution": Variable(
        "id of the execution of `pipeline`; after the step `Stage`, empty unless the stage is rolled back",
        _given("pipelineExecution"),
    ),
    "by": Variable("who or what started the release", _given_text("by")),
    "why": Variable("the reason for the release", _given_text("why")),
    # Counters.
    "turns": Variable("seconds that the release has waited for the lock", "0"),
    "waited": Variable("seconds that the release has waited for deployments of others", "0"),
    "attempt": Variable(
        "how often the release has started again because another deployment replaced its own, or the reverse", "0"
    ),
    "conflicts": Variable(
        "seconds that the release has waited because others registered revisions of the task definition", "0"
    ),
    "polled": Variable("seconds that the release has waited for its deployment", "0"),
    "checked": Variable("seconds that the release has waited for tasks that run the image", "0"),
    "settled": Variable("seconds that the release has waited for the deployment that puts the service back", "0"),
    "failures": Variable("how often the reconciler has failed with this image on this task definition", "0"),
    "fence": Variable("how often the execution had been redriven when it last checked the lock", "0"),
    # The execution.
    "urgent": Variable(
        "whether to stop another release, and not to wait for deployments: `now` of the input, or true after the "
        "release has replaced a deployment",
        "$exists($states.input.now) ? $boolean($states.input.now) : false",
    ),
    "me": Variable("ARN of this execution, the value of the lock", "$states.context.Execution.Id"),
    "missing": Variable("ARN of the execution that held the lock and was not found", "''"),
    # The service and its task definitions.
    "base": Variable(
        "ARN of the task definition to change, if it is not that of the service: `template` of the input (`pythonbase "
        "doctor` repairs a lost template with it), or `newer`",
        _given("template"),
    ),
    "before": Variable("ARN of the task definition that the service is put back to", "''"),
    "revision": Variable("ARN of the task definition that the release deploys", "''"),
    "deployment": Variable("id of the ECS deployment of the release", "''"),
    "newer": Variable(
        "ARN of the task definition of a deployment of somebody else that the release has replaced", "''"
    ),
    "running": Variable("the image in the task definition `before`", "''"),
    "recorded": Variable("the recorded image; empty if there is none", "''"),
    "digests": Variable("the digests that the tasks run", "[]"),
    "registered": Variable("whether the release has registered a task definition", "false"),
    "touched": Variable("whether the release has updated the service", "false"),
    "unread": Variable("whether the last poll failed; only for people who read the history of the execution", "false"),
    # Without a first value.
    "holder": Variable("ARN of the execution that holds the lock"),
    "holderStatus": Variable("status of the execution `holder`"),
    "service": Variable("the ECS service, as last read; null if there is none"),
    "version": Variable("version of the SSM parameter of the recorded image"),
    "definition": Variable("the task definition to change, as ECS describes it"),
    "tags": Variable("tags of `definition`, without those of AWS and of releases"),
    "template": Variable("ARN of the template's task definition that `definition` was made from"),
    "until": Variable("when the reconciler may retry, in milliseconds since 1970"),
    "manifest": Variable("manifest of `image`; empty if the image is not in the repository"),
    "manifestType": Variable("media type of `manifest`"),
    "tasks": Variable("ARNs of the tasks that run; after a rollback by ECS, of those that have stopped"),
    "error": Variable("the error that the release reports"),
    "cause": Variable("the cause that the release reports"),
}
"""By name, in the order in which ``Begin`` assigns them."""
