"""What the tests of the embedded AWS share: roles, waiting, a registry client."""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from tests.localcloud.conftest import Cloud

T = TypeVar("T")


def unique(prefix: str) -> str:
    """A name that no other test uses."""
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def wait_for(check: Callable[[], T | None], *, seconds: float = 60) -> T:
    """The first result that is not None or False."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        result = check()
        if result:
            return result
        time.sleep(0.2)
    raise AssertionError(f"nothing came within {seconds} s")


def allow(*actions: str, on: str | list[str] = "*", **condition: Any) -> dict[str, Any]:
    """A policy statement."""
    return {"Effect": "Allow", "Action": list(actions), "Resource": on, **condition}


def service_role(cloud: Cloud, service: str, *statements: Mapping[str, Any]) -> str:
    """ARN of a new role that `service` may assume."""
    return _role(cloud, {"Service": service}, statements)


def set_policy(cloud: Cloud, role_arn: str, *statements: Mapping[str, Any]) -> None:
    """Replace the role's policy."""
    cloud.client("iam").put_role_policy(
        RoleName=role_arn.rsplit("/", 1)[-1],
        PolicyName="policy",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}),
    )


def _role(cloud: Cloud, principal: Mapping[str, str], statements: tuple[Mapping[str, Any], ...]) -> str:
    name = unique("role")
    trust = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}]}
    arn = cloud.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    if statements:
        set_policy(cloud, arn, *statements)
    return str(arn)


def session_of_caller(cloud: Cloud, *statements: Mapping[str, Any]) -> dict[str, str]:
    """Credentials of somebody who may do what the statements say and nothing else, as STS returns them."""
    arn = _role(cloud, {"AWS": f"arn:aws:iam::{cloud.account}:root"}, statements)
    session = cloud.client("sts").assume_role(RoleArn=arn, RoleSessionName="tester")["Credentials"]
    return {name: str(session[name]) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")}


def caller(cloud: Cloud, *statements: Mapping[str, Any]) -> Callable[[str], Any]:
    """boto3 clients of somebody who may do what the statements say and nothing else."""
    session = session_of_caller(cloud, *statements)

    def client(service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=cloud.endpoint_url,
            region_name=cloud.region,
            aws_access_key_id=session["AccessKeyId"],
            aws_secret_access_key=session["SecretAccessKey"],
            aws_session_token=session["SessionToken"],
            verify=cloud.environment()["AWS_CA_BUNDLE"],
            config=Config(retries={"max_attempts": 1}),
        )

    return client


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A response of the registry."""

    status: int
    headers: Message
    body: bytes

    @property
    def error(self) -> dict[str, str]:
        """The first error of a refusal."""
        return dict(json.loads(self.body)["errors"][0])


class RegistryClient:
    """Speaks the registry protocol, as a Docker engine does."""

    def __init__(self, cloud: Cloud, ecr: Any = None) -> None:
        """`ecr` is the client whose principal logs in; None logs nobody in."""
        self._url = cloud.endpoint_url
        self._context = ssl.create_default_context(cafile=cloud.environment()["AWS_CA_BUNDLE"])
        self._headers = {}
        if ecr is not None:
            data = ecr.get_authorization_token()["authorizationData"][0]
            self._headers["Authorization"] = f"Basic {data['authorizationToken']}"

    def call(
        self, method: str, path: str, body: bytes | None = None, *, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request."""
        request = urllib.request.Request(
            path if path.startswith("https:") else self._url + path,
            data=body,
            method=method,
            headers={**self._headers, **(headers or {})},
        )
        try:
            with urllib.request.urlopen(request, context=self._context, timeout=60) as response:
                return Answer(status=response.status, headers=response.headers, body=response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(status=error.code, headers=error.headers, body=error.read())

    def put_blob(self, name: str, content: bytes) -> Answer:
        """Upload in two chunks."""
        started = self.call("POST", f"/v2/{name}/blobs/uploads/", b"")
        if started.status != 202:
            return started
        location = started.headers["Location"]
        half = len(content) // 2
        appended = self.call("PATCH", location, content[:half])
        if appended.status != 202:
            return appended
        return self.call("PUT", f"{location}?digest={digest(content)}", content[half:])

    def put_image(self, name: str, reference: str, *, content: bytes = b"layer") -> Answer:
        """Upload a layer, a configuration and a manifest that names them."""
        config = json.dumps({"architecture": "amd64", "os": "linux", "content": content.hex()[:100]}).encode()
        for blob in (content, config):
            stored = self.put_blob(name, blob)
            if stored.status != 201:
                return stored
        return self.put_manifest(name, reference, manifest(config, content))

    def put_manifest(self, name: str, reference: str, content: bytes) -> Answer:
        """Upload a manifest."""
        return self.call(
            "PUT",
            f"/v2/{name}/manifests/{reference}",
            content,
            headers={"Content-Type": "application/vnd.oci.image.manifest.v1+json"},
        )


def digest(content: bytes) -> str:
    """A registry digest."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def manifest(config: bytes, *layers: bytes) -> bytes:
    """An image manifest."""

    def part(content: bytes, kind: str) -> dict[str, Any]:
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": digest(content), "size": len(content)}

    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": part(config, "config.v1+json"),
            "layers": [part(layer, "layer.v1.tar+gzip") for layer in layers],
        }
    ).encode()


def password(authorization_token: str) -> str:
    """The password in an ECR authorization token."""
    return base64.b64decode(authorization_token).decode().partition(":")[2]
