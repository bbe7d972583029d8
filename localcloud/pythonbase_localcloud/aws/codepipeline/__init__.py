"""CodePipeline: the API, the resource type, and what starts executions."""

from __future__ import annotations

from pythonbase_localcloud.aws import store
from pythonbase_localcloud.aws.cloudformation.types import register as register_type
from pythonbase_localcloud.aws.json_service import register as register_service
from pythonbase_localcloud.aws.settings import Settings

from . import executions, model, operations, pipelines, stage_states, starting
from .actions import functions
from .starting import start, webhook_trigger

__all__ = ["install", "resume", "start", "webhook_trigger"]


def install(settings: Settings) -> None:
    """Register the service and the type."""
    starting.make_engine(settings)
    store.after_load(executions.end_interrupted)
    register_service(
        "codepipeline",
        target_prefix="CodePipeline_20150709",
        operations={
            "CreatePipeline": pipelines.create_pipeline,
            "GetPipeline": pipelines.get_pipeline,
            "UpdatePipeline": lambda members: {"pipeline": pipelines.update(model.normalize(members["pipeline"]))},
            "ListPipelines": pipelines.list_pipelines,
            "DeletePipeline": pipelines.delete_pipeline,
            "StartPipelineExecution": operations.start_execution,
            "StopPipelineExecution": operations.stop_execution,
            "RetryStageExecution": operations.retry_stage,
            "RollbackStage": operations.rollback_stage,
            "GetPipelineExecution": operations.get_execution,
            "ListPipelineExecutions": operations.list_executions,
            "ListActionExecutions": operations.list_action_executions,
            "GetPipelineState": stage_states.get_state,
            "PutApprovalResult": operations.put_approval,
            "PutJobSuccessResult": functions.put_success,
            "PutJobFailureResult": functions.put_failure,
            "ListTagsForResource": lambda members: {"tags": pipelines.tagged(members)["tags"]},
            "TagResource": pipelines.tag,
            "UntagResource": pipelines.untag,
        },
    )
    register_type(
        "AWS::CodePipeline::Pipeline",
        create=pipelines.create_resource,
        update=pipelines.update_resource,
        delete=lambda physical_id, _: pipelines.remove(physical_id),
    )


def resume() -> None:
    """What follows what a server before this one did not finish; call it when requests are answered."""
    starting.engine().roll_back_interrupted()
