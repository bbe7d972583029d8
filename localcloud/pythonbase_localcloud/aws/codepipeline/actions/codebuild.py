"""Build and test actions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pythonbase_localcloud.aws import codebuild
from pythonbase_localcloud.aws.codebuild.build import PipelineFiles
from pythonbase_localcloud.aws.codepipeline.context import ActionAbandonedError, ActionContext, ActionFailedError

_POLL_SECONDS = 0.4


def run(context: ActionContext) -> Mapping[str, str]:
    """Start the project's build with the action's role and wait for its end."""
    configuration = context.configuration
    client = context.client("codebuild")
    names = list(context.inputs)
    primary = configuration.get("PrimarySource") or names[0]
    artifacts = {
        artifact["name"]: context.output_location(artifact["name"]) for artifact in context.action["outputArtifacts"]
    }
    codebuild.expect_pipeline_build(
        context.action_execution_id,
        PipelineFiles(
            sources=context.inputs,
            primary_source=primary,
            artifacts=artifacts,
            revision=context.source_revision,
            encryption_key=context.encryption_key,
        ),
    )
    source = context.inputs[primary]
    try:
        build = client.start_build(
            projectName=configuration["ProjectName"],
            idempotencyToken=context.action_execution_id,
            sourceVersion=f"arn:aws:s3:::{source.bucket}/{source.key}",
            environmentVariablesOverride=json.loads(configuration.get("EnvironmentVariables") or "[]"),
        )["build"]
    except client.exceptions.AccountLimitExceededException as error:
        # The text as CodePipeline shows it: https://github.com/aws/aws-cdk/issues/27335
        raise ActionFailedError(
            f"Error calling startBuild: {error.response['Error']['Message']} (Service: AWSCodeBuild; "
            "Status Code: 400; Error Code: AccountLimitExceededException; Proxy: null)"
        ) from error
    context.result.update(externalExecutionId=build["id"], externalExecutionUrl=build["logs"]["deepLink"])
    try:
        while not build["buildComplete"]:
            context.wait(_POLL_SECONDS)
            build = client.batch_get_builds(ids=[build["id"]])["builds"][0]
    except ActionAbandonedError:
        client.stop_build(id=build["id"])
        raise
    if build["buildStatus"] != "SUCCEEDED":
        raise ActionFailedError(_reason(build))
    context.outputs.update(artifacts)
    return {variable["name"]: variable["value"] for variable in build.get("exportedEnvironmentVariables") or []}


def _reason(build: Mapping[str, Any]) -> str:
    """CodePipeline's text, and why."""
    text = f"Build terminated with state: {build['buildStatus']}"
    for phase in build["phases"]:
        for context in phase.get("contexts") or []:
            if context.get("statusCode"):
                text += f". Phase: {phase['phaseType']}, Code: {context['statusCode']}, Message: {context['message']}"
                return text
    return text
