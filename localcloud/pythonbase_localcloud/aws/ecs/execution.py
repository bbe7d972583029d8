"""What the agent does for a task with the task's execution role: registry login, secrets, log streams.

MiniStack pulls, resolves secrets and writes logs as nobody.
"""

from __future__ import annotations

import base64
import contextlib
import contextvars
import json
import re
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pythonbase_localcloud.aws import scope, seams
from pythonbase_localcloud.aws.ecs.logs import forward
from pythonbase_localcloud.aws.iam import credentials

Members = Mapping[str, Any]
_ECR_IMAGE = re.compile(r"^\d{12}\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com/")
_SESSION_SECONDS = 30 * 24 * 3600
"""The agent renews its credentials; policies are evaluated anew at each call anyway."""


class Execution:
    """What the agent does for one task with the task's execution role."""

    def __init__(self, task: Members, definition: Members) -> None:
        self.task = task
        self._task_id = str(task["taskArn"]).rsplit("/", 1)[-1]
        self._task_arn = str(task["taskArn"])
        self._role = str(definition.get("executionRoleArn") or "")
        self._session: credentials.Credentials | None = None
        self._registry: dict[str, dict[str, str]] = {}

    def client(self, service: str, region: str | None = None) -> Any:
        """A client with the execution role's session."""
        if not self._role:
            raise credentials.AssumeRoleError("the task definition has no execution role")
        if self._session is None:
            self._session = credentials.role_session(
                self._role,
                service="ecs-tasks.amazonaws.com",
                session_name=self._task_id,
                source_arn=self._task_arn,
                seconds=_SESSION_SECONDS,
            )
        return credentials.client(service, self._session, region=region)

    def prepare(self, definition: Members) -> None:
        """What Fargate does before it starts a container: registry login and log streams."""
        for container in definition.get("containerDefinitions", []):
            self.registry_login(container)
            configuration = seams.ecs._awslogs_config(container, self._task_id, "unnamed")
            if configuration:
                self._create_log_stream(configuration)

    def registry_login(self, container: Members) -> dict[str, str] | None:
        """User and password for the container's image; None for an image that is not ECR's."""
        if container.get("repositoryCredentials"):
            return self._registry_secret(container)
        match = _ECR_IMAGE.match(str(container["image"]))
        if match is None:
            return None
        region = match["region"]
        if region not in self._registry:
            with _resource_errors("unable to retrieve ecr registry auth"):
                data = self.client("ecr", region).get_authorization_token()["authorizationData"][0]
            user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
            self._registry[region] = {"username": user, "password": password}
        return self._registry[region]

    def _registry_secret(self, container: Members) -> dict[str, str]:
        with _resource_errors("unable to retrieve private registry credentials"):
            secret = self.client("secretsmanager").get_secret_value(
                SecretId=container["repositoryCredentials"]["credentialsParameter"]
            )
        value = json.loads(secret["SecretString"])
        return {"username": value["username"], "password": value["password"]}

    def secrets(self, container: Members) -> dict[str, str]:
        """The container's secrets as environment variables."""
        return {secret["name"]: self._secret(str(secret["valueFrom"])) for secret in container.get("secrets", [])}

    def _secret(self, reference: str) -> str:
        if ":secretsmanager:" in reference:
            # arn:aws:secretsmanager:region:account:secret:name[:json-key[:version-stage[:version-id]]]
            parts = reference.split(":")
            arn, (key, stage, version) = ":".join(parts[:7]), ([*parts[7:], "", "", ""])[:3]
            with _resource_errors(f"unable to retrieve secret from asm: failed to fetch secret {arn}"):
                value = str(
                    self.client("secretsmanager").get_secret_value(
                        SecretId=arn,
                        **({"VersionStage": stage} if stage else {}),
                        **({"VersionId": version} if version else {}),
                    )["SecretString"]
                )
            return _json_member(value, key, reference) if key else value
        name = reference.split(":parameter", 1)[-1] if reference.startswith("arn:") else reference
        with _resource_errors(f"unable to retrieve secrets from ssm: {name}"):
            found = self.client("ssm").get_parameters(Names=[name], WithDecryption=True)
            if not found["Parameters"] and not name.startswith("/"):
                found = self.client("ssm").get_parameters(Names=[f"/{name}"], WithDecryption=True)
        if not found["Parameters"]:
            raise seams.ecs._SecretResolutionError(f"unable to retrieve secrets from ssm: invalid parameters: {name}")
        return str(found["Parameters"][0]["Value"])

    def _create_log_stream(self, configuration: Members) -> None:
        client = self.client("logs", configuration["region"])
        with _resource_errors("failed to validate logger args: create stream: failed to create CloudWatch log stream"):
            for create, arguments in (
                *(
                    ((client.create_log_group, {"logGroupName": configuration["group"]}),)
                    if configuration["create_group"]
                    else ()
                ),
                (
                    client.create_log_stream,
                    {"logGroupName": configuration["group"], "logStreamName": configuration["stream"]},
                ),
            ):
                with contextlib.suppress(client.exceptions.ResourceAlreadyExistsException):
                    create(**arguments)


class _resource_errors:  # noqa: N801 - used as a context manager
    """Turns a refusal into what ECS reports when a task cannot get its resources."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, (ClientError, BotoCoreError, credentials.AssumeRoleError)):
            raise seams.ecs._SecretResolutionError(f"{self._text}: {error}") from error


def _json_member(value: str, key: str, reference: str) -> str:
    try:
        return str(json.loads(value)[key])
    except (ValueError, KeyError, TypeError) as error:
        raise seams.ecs._SecretResolutionError(
            f"unable to retrieve secret from asm: key {key} of {reference} does not exist"
        ) from error


_execution: contextvars.ContextVar[Execution | None] = contextvars.ContextVar("ecs_execution", default=None)


def _current() -> Execution:
    execution = _execution.get()
    if execution is None:  # a path of MiniStack that this package does not know
        raise seams.ecs._SecretResolutionError("the task has no execution role session")
    return execution


def _note_digest(task: Members, definition: Members, container: Any) -> None:
    """The digest that really runs, also for a task that no service started (MiniStack knows it for services only)."""
    repository = seams.ecs._image_repository(definition["image"])
    digests = [name.partition("@") for name in container.image.attrs.get("RepoDigests") or []]
    digest = next((digest for name, _, digest in digests if name == repository), "")
    for item in task.get("containers") or []:
        if item["name"] == definition["name"] and digest:
            item.setdefault("imageDigest", digest)


def install() -> None:
    """Make MiniStack's task worker use the execution role."""
    ecs = seams.ecs
    start = ecs._start_task_worker

    def start_task_worker(task: Any, definition: Any, overrides: Any, docker: Any) -> None:
        execution = Execution(task, definition)
        reset = _execution.set(execution)
        try:
            execution.prepare(definition)
            task["_has_health_check"] = any(c.get("healthCheck") for c in definition["containerDefinitions"])
            start(task, definition, overrides, docker)
        finally:
            _execution.reset(reset)

    def start_log_forwarder(container: Any, definition: Any, task_id: str) -> None:
        configuration = ecs._awslogs_config(definition, task_id, container.id)
        if configuration:
            scope.spawn(
                forward, _current().client("logs", configuration["region"]), container, configuration, name="task-logs"
            )

    run = ecs._run_docker_container

    def run_docker_container(docker: Any, definition: Any, arguments: Any, **options: Any) -> Any:
        login = _current().registry_login(definition)
        if login:
            # Fargate has no image cache: a missing permission must show although the engine has the image.
            options.update(refresh_image=True, allow_cached=False, auth_config=login)
        container = run(docker, definition, arguments, **options)
        _note_digest(_current().task, definition, container)
        return container

    ecs._start_task_worker = start_task_worker
    ecs._resolve_container_secrets = lambda definition: _current().secrets(definition)
    ecs._resolve_repository_credentials = lambda definition: _current().registry_login(definition)
    ecs._start_awslogs_forwarder = start_log_forwarder
    ecs._run_docker_container = run_docker_container
