"""What an execution was started for."""

from __future__ import annotations

from pythonbase.releases.steps.states import States, choice, put, task


def begin() -> States:
    """Read the input; in a pipeline, ask why its stage runs. Goes on with ``Lock``."""
    given = {
        name: f"$exists($states.input.{name}) ? $states.input.{name} : ''"
        for name in ("image", "baseImage", "commit", "pipeline", "stage", "pipelineExecution")
    }
    # SSM takes no {{ in a value, and 4,096 characters.
    given |= {
        name: f"$exists($states.input.{name}) ? $substring($replace($states.input.{name}, /[{{}}]/, ' '), 0, 500) : ''"
        for name in ("by", "why")
    }
    counters = ("turns", "waited", "attempt", "conflicts", "polled", "checked", "settled", "failures", "fence")
    return {
        "Begin": put(
            "FromPipeline",
            **given,
            **dict.fromkeys(counters, "0"),
            urgent="$exists($states.input.now) ? $boolean($states.input.now) : false",
            me="$states.context.Execution.Id",
            missing="''",
            # The revision to take over, if it is not what the service runs: for doctor's repair of a lost template.
            base="$exists($states.input.template) ? $states.input.template : ''",
            before="''",
            revision="''",
            deployment="''",
            newer="''",
            running="''",
            recorded="''",
            digests="[]",
            registered="false",
            touched="false",
            unread="false",
        ),
        "FromPipeline": choice(
            ("$pipeline != '' and $stage != ''", "Stage"),
            # The pipeline of a service with environments is deployed after them: until then it sends no stage.
            ("$pipelineExecution != ''", "Execution"),
            otherwise="Lock",
        ),
        # No page says whether the pipeline's variable for its execution names a rollback or the target of that, so the
        # stage is asked which execution is in it:
        # https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_StageExecution.html
        "Stage": task(
            "aws-sdk:codepipeline:getPipelineState",
            {"Name": "{% $pipeline %}"},
            assign={
                "pipelineExecution": "{% ($latest := $states.result.StageStates[StageName = $stage].LatestExecution; "
                "$latest.Type = 'ROLLBACK' ? $latest.PipelineExecutionId : '') %}"
            },
            then="IsItARollback",
            fails="Unread",
        ),
        "IsItARollback": choice(("$pipelineExecution != ''", "Execution"), otherwise="Lock"),
        # CodePipeline rolls a failed stage back to its last execution, which need not be what was released last:
        # somebody may have gone back further since. What is recorded counts. A rollback that a person starts releases
        # what that execution released: its variables are those of its target.
        "Execution": task(
            "aws-sdk:codepipeline:getPipelineExecution",
            {"PipelineName": "{% $pipeline %}", "PipelineExecutionId": "{% $pipelineExecution %}"},
            assign={
                "image": "{% ($execution := $states.result.PipelineExecution; "
                "$execution.ExecutionType = 'ROLLBACK' and $execution.Trigger.TriggerType = 'AutomatedRollback' "
                "? '' : $image) %}"
            },
            then="Lock",
            fails="Unread",
        ),
    }
