"""A client of the registry that speaks its protocol, as a Docker engine does."""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any

from pythonbase_localcloud.testing.cloud import Cloud


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
