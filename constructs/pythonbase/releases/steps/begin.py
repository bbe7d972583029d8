"""Read what the execution was started for."""

from __future__ import annotations

from pythonbase.releases.steps.calls import call, report
from pythonbase.releases.steps.variables import VARIABLES
from pythonbase.state_machines.states import States, choice, jsonata, set_variables


def begin() -> States:
    """Read the input. In a pipeline, ask CodePipeline why its stage runs. Continues with ``Lock``."""
    return {
        "Begin": set_variables(
            "FromPipeline",
            **{name: variable.first for name, variable in VARIABLES.items() if variable.first is not None},
        ),
        "FromPipeline": choice(
            ("$pipeline != '' and $stage != ''", "Stage"),
            # The pipeline of a service with environments is deployed after them: until then it sends no stage.
            ("$pipelineExecution != ''", "Execution"),
            otherwise="Lock",
        ),
        # The AWS documentation does not say whether the pipeline's variable for its execution is the rollback or the
        # target of the rollback, so the stage is asked which execution is in it:
        # https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_StageExecution.html
        "Stage": call(
            "aws-sdk:codepipeline:getPipelineState",
            {"Name": jsonata("$pipeline")},
            assign={
                "pipelineExecution": jsonata(
                    "($latest := $states.result.StageStates[StageName = $stage].LatestExecution; "
                    "$latest.Type = 'ROLLBACK' ? $latest.PipelineExecutionId : '')"
                )
            },
            then="IsItARollback",
            fails=report("Unread"),
        ),
        "IsItARollback": choice(("$pipelineExecution != ''", "Execution"), otherwise="Lock"),
        # CodePipeline rolls a failed stage back to its last execution. Its image need not be the image that was
        # released last, because somebody may have gone back to an earlier release since: release the recorded image.
        # A rollback that a person starts releases the image of the execution that the person chose: the variables of
        # the rollback are those of its target.
        "Execution": call(
            "aws-sdk:codepipeline:getPipelineExecution",
            {"PipelineName": jsonata("$pipeline"), "PipelineExecutionId": jsonata("$pipelineExecution")},
            assign={
                "image": jsonata(
                    "($execution := $states.result.PipelineExecution; "
                    "$execution.ExecutionType = 'ROLLBACK' and $execution.Trigger.TriggerType = 'AutomatedRollback' "
                    "? '' : $image)"
                )
            },
            then="Lock",
            fails=report("Unread"),
        ),
    }
