"""Every MiniStack module and name that this package uses, in one place; a test compares the list with the code.

MiniStack has no extension interface and no type information, so its modules are `Any` here. The version is pinned; an
upgrade that renames something fails at start with one message instead of in the middle of a deployment.
"""

from __future__ import annotations

import importlib
from importlib.metadata import version
from typing import Any

MINISTACK_VERSION = "1.5.33"


def _module(name: str) -> Any:
    return importlib.import_module(f"ministack.{name}")


app = _module("app")
container_reaper = _module("core.container_reaper")
iam_actions = _module("core.iam_actions")
iam_evaluator = _module("core.iam_evaluator")
persistence = _module("core.persistence")
concurrency = _module("core.concurrency")
lambda_runtime = _module("core.lambda_runtime")
responses = _module("core.responses")
router = _module("core.router")
alb = _module("services.alb")
cloudwatch = _module("services.cloudwatch")
codebuild = _module("services.codebuild")
dynamodb = _module("services.dynamodb")
ec2 = _module("services.ec2")
ecr = _module("services.ecr")
ecs = _module("services.ecs")
eventbridge = _module("services.eventbridge")
iam = _module("services.iam")
lambda_svc = _module("services.lambda_svc")
s3 = _module("services.s3")
scheduler = _module("services.scheduler")
sns = _module("services.sns")
ssm = _module("services.ssm")
stepfunctions = _module("services.stepfunctions")
sts = _module("services.sts")
cloudformation = _module("services.cloudformation")
cfn_changesets = _module("services.cloudformation.changesets")
cfn_handlers = _module("services.cloudformation.handlers")
provisioners = _module("services.cloudformation.provisioners")
stacks = _module("services.cloudformation.stacks")

#: module -> names. Keep sorted; add a name when a patch starts to use it.
USED: dict[Any, tuple[str, ...]] = {
    alb: (
        "_ACTION_MAP",
        "_error",
        "_find_lb_by_name",
        "_forward_to_tg",
        "_lbs",
        "_p",
        "_parse_targets_param",
        "_proxy_http_target",
        "_targets",
        "_tgs",
        "_xml",
    ),
    app: ("_build_persistence_save_dict", "_stop_docker_containers", "app", "SERVICE_HANDLERS"),
    cfn_changesets: ("_find_change_set", "_IMPORT_LOOKUPS"),
    cfn_handlers: ("_ACTION_HANDLERS", "_error", "_p"),
    cloudformation: ("_stacks",),
    cloudwatch: ("_alarms", "_dispatch_alarm_actions", "_evaluate_alarm", "record_metric"),
    codebuild: (
        "_batch_get_builds",
        "_build_arn",
        "_build_id",
        "_builds",
        "_create_project",
        "_handle_request_sync",
        "_list_builds_for_project",
        "_project_arn",
        "_project_shape",
        "_projects",
        "_start_build",
        "_stop_build",
    ),
    concurrency: ("resource_lock", "run_reentrant"),
    container_reaper: ("own_labels",),
    dynamodb: ("_tables",),
    ec2: (
        "_addresses",
        "_allocate_address",
        "_create_nat_gateway",
        "_flow_logs",
        "_nat_gateways",
        "_now_ts",
        "_security_groups",
        "_vpcs",
    ),
    ecr: (
        "_batch_delete_image",
        "_batch_get_image",
        "_create_repository",
        "_describe_images",
        "_get_authorization_token",
        "_images",
        "_lifecycle_policies",
        "_list_images",
        "_put_image",
        "_put_lifecycle_policy",
        "_repo_arn",
        "_repo_policies",
        "_repo_shape",
        "_repositories",
        "repository_policy_for_arn",
    ),
    ecs: (
        "_ACTION_MAP",
        "_awslogs_config",
        "_build_run_kwargs",
        "_circuit_breaker_threshold",
        "_cleanup_task_resources",
        "_complete_service_deployment",
        "_create_service",
        "_deployment_for_task",
        "_get_docker",
        "_image_repository",
        "_iso",
        "_make_deployment",
        "_mark_task_stopped",
        "_maybe_mark_stopped",
        "_primary_deployment",
        "_reconcile_service_tasks",
        "_record_service_task_failure",
        "_record_service_task_healthy",
        "_register_metadata",
        "_resolve_container_secrets",
        "_resolve_repository_credentials",
        "_resolve_td_key",
        "_run_docker_container",
        "_sanitize",
        "_SecretResolutionError",
        "_services",
        "_start_awslogs_forwarder",
        "_start_task_worker",
        "_stop_task",
        "_task_def_latest",
        "_task_defs",
        "_task_ip",
        "_task_is_active",
        "_tasks",
        "_update_service",
        "_watch_task_lifecycle",
    ),
    eventbridge: ("_dispatch_event", "_invoke_target", "_put_events"),
    iam: ("_gen_secret", "_gen_session_access_key", "_gen_session_token", "_IAM_HANDLERS", "_roles"),
    iam_actions: ("access_denied_response", "extract_iam_action", "extract_resource_arn", "SERVICE_TO_IAM_NAMESPACE"),
    iam_evaluator: (
        "_resolve_condition_key",
        "_resource_policy",
        "_service_principal_matches",
        "AuthError",
        "caller_arn",
        "combine_resource_policy",
        "enforce",
        "EvalContext",
        "evaluate",
        "evaluate_resource_policy",
        "parse_policy_document",
        "resolve_credential",
        "resolve_principal",
    ),
    lambda_runtime: ("execution_credentials",),
    lambda_svc: ("execution_credentials",),
    persistence: ("load_state", "logger", "save_all"),
    provisioners: (
        "_ec2_apply_tags",
        "_ec2_sg_permissions",
        "_ecs_task_def_create",
        "_normalize_container_defs",
        "_pascal_to_camel",
        "_physical_name",
        "_RESOURCE_HANDLERS",
        "_sfn_definition",
    ),
    responses: (
        "AccountRegionScopedDict",
        "get_account_id",
        "get_region",
        "request_scope",
        "set_request_account_id",
        "set_request_region",
        "StreamingResponse",
    ),
    router: ("extract_access_key_id", "SERVICE_PATTERNS"),
    s3: ("_bucket_encryption", "_bucket_tags", "_put_bucket_lifecycle"),
    scheduler: ("_schedules",),
    sns: ("publish_internal", "topic_policy_allows"),
    ssm: ("_parameters",),
    stacks: ("_runs_on_worker_thread", "_sends_back_failed_update"),
    stepfunctions: (
        "_add_event",
        "_api_name_to_sfn_key",
        "_describe_execution",
        "_emit_execution_status_event",
        "_execute_choice",
        "_execute_pass",
        "_execute_task",
        "_execute_wait",
        "_ExecutionError",
        "_executions",
        "_fail_execution",
        "_fail_state_error",
        "_finalize_response",
        "_find_matching_retrier",
        "_invoke_aws_sdk_integration",
        "_invoke_resource",
        "_invoke_with_callback",
        "_run_execution",
        "_SFN_WAIT_SCALE",
        "_state_machines",
        "_tags",
        "now_iso",
    ),
    sts: ("register_session",),
}


class SeamError(Exception):
    """MiniStack is not the version that this package was written for."""


def check() -> None:
    """Raise `SeamError` when MiniStack's version or one of its private names is not as expected."""
    found = version("ministack")
    missing = [
        f"{module.__name__}.{name}" for module, names in USED.items() for name in names if not hasattr(module, name)
    ]
    if found != MINISTACK_VERSION or missing:
        raise SeamError(
            f"the local cloud is written for ministack {MINISTACK_VERSION}, found {found}"
            + (f"; these private names are missing: {', '.join(missing)}" if missing else "")
        )
