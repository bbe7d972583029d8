"""Builds run for real, with the project's service role."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from pythonbase_localcloud.testing.builds import LOGS, Project, build_spec, failed_contexts
from pythonbase_localcloud.testing.callers import allow, caller, set_policy, unique, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from pythonbase_localcloud.testing.cloud import Cloud


def test_a_build_runs_its_buildspec_and_shows_phases_log_and_exported_variables(cloud: Cloud) -> None:
    project = Project(cloud)
    build = project.build(
        buildspecOverride=build_spec(
            "echo number $CODEBUILD_BUILD_NUMBER for $WHO",
            "export ANSWER=$((6*7))",
            env={"exported-variables": ["ANSWER"]},
        ),
        environmentVariablesOverride=[{"name": "WHO", "value": "me & you", "type": "PLAINTEXT"}],
    )
    assert build["buildStatus"] == "SUCCEEDED"
    assert [phase["phaseType"] for phase in build["phases"]] == [
        "SUBMITTED",
        "QUEUED",
        "PROVISIONING",
        "DOWNLOAD_SOURCE",
        "BUILD",
        "UPLOAD_ARTIFACTS",
        "FINALIZING",
        "COMPLETED",
    ]
    assert build["exportedEnvironmentVariables"] == [{"name": "ANSWER", "value": "42"}]
    assert "number 1 for me & you" in project.log(build)
    assert project.client.list_builds_for_project(projectName=project.name)["ids"] == [build["id"]]


def test_a_failing_command_is_reported_as_codebuild_reports_it(cloud: Cloud) -> None:
    build = Project(cloud).build(buildspecOverride=build_spec("echo before", "ls /nowhere"))
    assert build["buildStatus"] == "FAILED"
    assert failed_contexts(build) == {
        "BUILD": ("COMMAND_EXECUTION_ERROR", "Error while executing command: ls /nowhere. Reason: exit status 2")
    }


def test_a_wrong_buildspec_fails_the_build(cloud: Cloud) -> None:
    build = Project(cloud).build(buildspecOverride="version: 0.2\nphases: 3\n")
    assert build["buildStatus"] == "FAILED"
    assert failed_contexts(build)["DOWNLOAD_SOURCE"][0] == "YAML_FILE_ERROR"


def test_the_build_has_its_roles_credentials_and_not_in_its_environment(cloud: Cloud) -> None:
    project = Project(cloud)
    build = project.build(buildspecOverride=build_spec("aws sts get-caller-identity --query Arn --output text", "env"))
    log = project.log(build)
    assert f":assumed-role/{project.role.rsplit('/', 1)[-1]}/AWSCodeBuild-" in log
    assert "AWS_SECRET_ACCESS_KEY" not in log


def test_a_build_may_do_what_its_role_may_and_nothing_else(cloud: Cloud) -> None:
    cloud.client("ssm").put_parameter(Name="/tests/mine", Value="secret of mine", Type="String", Overwrite=True)
    command = "aws ssm get-parameter --name /tests/mine --query Parameter.Value --output text"
    permission = allow("ssm:GetParameter", on=f"arn:aws:ssm:{cloud.region}:{cloud.account}:parameter/tests/mine")
    allowed, denied = Project(cloud, permission), Project(cloud)
    succeeded = allowed.build(buildspecOverride=build_spec(command))
    assert "secret of mine" in allowed.log(succeeded)
    failed = denied.build(buildspecOverride=build_spec(command))
    assert failed["buildStatus"] == "FAILED"
    assert "AccessDenied" in denied.log(failed)


def test_parameters_and_secrets_are_resolved_with_the_projects_role(cloud: Cloud) -> None:
    cloud.client("ssm").put_parameter(Name="/tests/p", Value="from ssm", Type="String", Overwrite=True)
    name = unique("secret")
    secret = cloud.client("secretsmanager").create_secret(Name=name, SecretString='{"user": "from secret"}')["ARN"]
    ssm = allow("ssm:GetParameters", on=f"arn:aws:ssm:{cloud.region}:{cloud.account}:parameter/tests/p")
    secrets = allow("secretsmanager:GetSecretValue", on=secret)
    spec = build_spec(
        "echo got $P and $S", env={"parameter-store": {"P": "/tests/p"}, "secrets-manager": {"S": f"{name}:user"}}
    )
    project = Project(cloud, ssm, secrets)
    assert "got from ssm and from secret" in project.log(project.build(buildspecOverride=spec))
    for rest, code in (([ssm], "SECRETS_MANAGER_ERROR"), ([secrets], "PARAMETER_STORE_ERROR")):
        set_policy(cloud, project.role, LOGS, *rest)
        build = project.build(buildspecOverride=spec)
        found, message = failed_contexts(build)["DOWNLOAD_SOURCE"]
        assert (build["buildStatus"], found) == ("FAILED", code)
        assert "AccessDenied" in message


def test_a_role_that_does_not_trust_codebuild_is_refused(cloud: Cloud) -> None:
    build = Project(cloud, trusted="lambda.amazonaws.com").build()
    assert build["buildStatus"] == "FAILED"
    code, message = failed_contexts(build)["PROVISIONING"]
    assert code == "ACCESS_DENIED"
    assert "codebuild.amazonaws.com is not authorized to perform: sts:AssumeRole" in message


def test_without_log_permission_the_build_runs_but_leaves_no_log(cloud: Cloud) -> None:
    project = Project(cloud)
    set_policy(cloud, project.role, allow("s3:ListBucket"))
    build = project.build()
    assert build["buildStatus"] == "SUCCEEDED"
    with pytest.raises(ClientError, match="ResourceNotFound"):
        project.log(build)


def test_source_and_artifacts_in_s3_use_the_role(cloud: Cloud) -> None:
    s3 = cloud.client("s3")
    bucket = unique("builds")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": cloud.region})
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("buildspec.yml", build_spec("cp name.txt result.txt", artifacts={"files": ["result.txt"]}))
        archive.writestr("name.txt", "source")
    s3.put_object(Bucket=bucket, Key="in.zip", Body=packed.getvalue())
    project = Project(
        cloud,
        allow("s3:GetObject", "s3:PutObject", on=f"arn:aws:s3:::{bucket}/*"),
        source={"type": "S3", "location": f"{bucket}/in.zip"},
        artifacts={"type": "S3", "location": bucket, "name": "out.zip", "packaging": "ZIP"},
    )
    assert project.build()["buildStatus"] == "SUCCEEDED"
    with zipfile.ZipFile(io.BytesIO(s3.get_object(Bucket=bucket, Key="out.zip")["Body"].read())) as archive:
        assert archive.read("result.txt") == b"source"
    set_policy(cloud, project.role, LOGS, allow("s3:PutObject", on=f"arn:aws:s3:::{bucket}/*"))
    denied = project.build()
    assert "AccessDenied" in failed_contexts(denied)["DOWNLOAD_SOURCE"][1]


def test_a_stopped_build_ends_at_once(cloud: Cloud) -> None:
    project = Project(cloud)
    build_id = project.start(buildspecOverride=build_spec("echo started", "sleep 60"))
    wait_for(lambda: project.client.batch_get_builds(ids=[build_id])["builds"][0]["currentPhase"] == "BUILD")
    assert project.client.stop_build(id=build_id)["build"]["buildStatus"] == "STOPPED"
    assert project.ended(build_id)["buildStatus"] == "STOPPED"


def test_a_privileged_build_reaches_the_engine_and_another_does_not(cloud: Cloud) -> None:
    spec = build_spec("docker version --format '{{.Server.Os}}'")
    assert Project(cloud).build(buildspecOverride=spec)["buildStatus"] == "FAILED"
    build = Project(cloud).build(buildspecOverride=spec, privilegedModeOverride=True)
    assert build["buildStatus"] == "SUCCEEDED"


def test_a_change_of_state_is_an_event(cloud: Cloud) -> None:
    project = Project(cloud)
    sqs, events = cloud.client("sqs"), cloud.client("events")
    url = sqs.create_queue(QueueName=project.name)["QueueUrl"]
    events.put_rule(
        Name=project.name,
        EventPattern=json.dumps(
            {
                "source": ["aws.codebuild"],
                "detail-type": ["CodeBuild Build State Change"],
                "detail": {"project-name": [project.name], "build-status": ["SUCCEEDED"]},
            }
        ),
    )
    events.put_targets(
        Rule=project.name, Targets=[{"Id": "q", "Arn": f"arn:aws:sqs:{cloud.region}:{cloud.account}:{project.name}"}]
    )
    build = project.build()
    (message,) = wait_for(lambda: sqs.receive_message(QueueUrl=url).get("Messages"))
    assert json.loads(message["Body"])["detail"]["build-id"] == build["arn"]


def test_starting_and_reading_builds_is_checked_on_the_project(cloud: Cloud) -> None:
    project = Project(cloud)
    arn = f"arn:aws:codebuild:{cloud.region}:{cloud.account}:project/{project.name}"
    mine = caller(cloud, allow("codebuild:StartBuild", "codebuild:BatchGetBuilds", on=arn))("codebuild")
    build = mine.start_build(projectName=project.name)["build"]
    assert mine.batch_get_builds(ids=[build["id"]])["builds"][0]["id"] == build["id"]
    other = caller(cloud, allow("codebuild:*", on=f"{arn}-other"))("codebuild")
    calls: tuple[Callable[[], object], ...] = (
        lambda: other.start_build(projectName=project.name),
        lambda: other.batch_get_builds(ids=[build["id"]]),
    )
    for call in calls:
        with pytest.raises(ClientError, match="AccessDenied"):
            call()
    project.ended(build["id"])
