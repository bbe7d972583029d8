"""The registry protocol (``/v2/``) as ECR speaks it: every request is one ECR action, checked by IAM."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from pythonbase_localcloud.aws import faults, scope, seams
from pythonbase_localcloud.aws.iam import authorization
from pythonbase_localcloud.aws.json_service import ApiError

from .blobs import DigestError, is_digest
from .images import DEFAULT_MEDIA_TYPE, Images, TagImmutableError
from .tokens import Token, Tokens

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

_HOST = re.compile(r"^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com")
_NAME = r"(?P<name>[a-z0-9]+(?:[._/-][a-z0-9]+)*)"
_ROUTES = {
    "uploads": re.compile(rf"/v2/{_NAME}/blobs/uploads/?"),
    "upload": re.compile(rf"/v2/{_NAME}/blobs/uploads/(?P<reference>[0-9a-f]+)"),
    "blob": re.compile(rf"/v2/{_NAME}/blobs/(?P<reference>sha256:[0-9a-f]{{64}})"),
    "manifest": re.compile(rf"/v2/{_NAME}/manifests/(?P<reference>[\w][\w.:-]{{0,135}})"),
    "tags": re.compile(rf"/v2/{_NAME}/tags/list"),
}
_ACTIONS = {
    ("HEAD", "manifest"): "BatchGetImage",
    ("GET", "manifest"): "BatchGetImage",
    ("PUT", "manifest"): "PutImage",
    ("DELETE", "manifest"): "BatchDeleteImage",
    ("HEAD", "blob"): "BatchCheckLayerAvailability",
    ("GET", "blob"): "GetDownloadUrlForLayer",
    ("POST", "uploads"): "InitiateLayerUpload",
    ("GET", "upload"): "UploadLayerPart",
    ("PATCH", "upload"): "UploadLayerPart",
    ("PUT", "upload"): "CompleteLayerUpload",
    ("DELETE", "upload"): "CompleteLayerUpload",
    ("GET", "tags"): "ListImages",
}
_MANIFEST_LIMIT_BYTES = 4 << 20


class RegistryError(Exception):
    """An error in the protocol's own form."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Exchange:
    """One request and its response."""

    def __init__(self, request: Mapping[str, Any], receive: Receive, send: Send) -> None:
        self.method = str(request["method"])
        self.path = str(request["path"])
        self.query = {key: values[0] for key, values in parse_qs(request.get("query_string", b"").decode()).items()}
        self.headers = {name.decode().lower(): value.decode("latin-1") for name, value in request["headers"]}
        self.name = ""
        self.reference = ""
        self._receive = receive
        self._send = send

    async def body(self, *, limit: int) -> bytes:
        """The whole body; refuses more than `limit` bytes."""
        parts: list[bytes] = []
        await self.stream(parts.append)
        content = b"".join(parts)
        if len(content) > limit:
            raise RegistryError(413, "SIZE_INVALID", "the manifest is too large")
        return content

    async def stream(self, consume: Callable[[bytes], None]) -> None:
        """Hand every chunk of the body to `consume` as it arrives."""
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ConnectionResetError
            if message.get("body"):
                consume(message["body"])
            if not message.get("more_body"):
                return

    async def answer(self, status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> None:
        """Send the response. A HEAD response keeps the Content-Length of the content it stands for."""
        fields = {"docker-distribution-api-version": "registry/2.0", **(headers or {})}
        fields.setdefault("content-length", str(len(body)))
        await self._start(status, fields)
        await self._send({"type": "http.response.body", "body": b"" if self.method == "HEAD" else body})

    async def _start(self, status: int, fields: Mapping[str, str]) -> None:
        await self._send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(key.encode(), value.encode()) for key, value in fields.items()],
            }
        )

    async def answer_stream(self, headers: Mapping[str, str], chunks: Any) -> None:
        """Send a 200 response in pieces."""
        await self._start(200, {"docker-distribution-api-version": "registry/2.0", **headers})
        for chunk in chunks:
            await self._send({"type": "http.response.body", "body": chunk, "more_body": True})
        await self._send({"type": "http.response.body", "body": b""})


async def _meet_fault(exchange: Exchange, kind: str, token: Token) -> None:
    """A fault that a test injected. The body stays unread, so the connection ends while the client still sends."""
    principal = seams.iam_evaluator.resolve_principal(token.access_key_id, scope.account())
    action = f"ecr:{_ACTIONS[exchange.method, kind]}"
    fault = await faults.failing_async(action, str(getattr(principal, "arn", "")))
    if fault:
        raise RegistryError(fault.status, fault.error, fault.message)


class Registry:
    """The ASGI side of ECR."""

    def __init__(self, images: Images, tokens: Tokens) -> None:
        self._images = images
        self._blobs = images.blobs
        self._tokens = tokens

    @staticmethod
    def serves(path: str) -> bool:
        """Whether the path is the registry's; API Gateway and SES use ``/v2/`` too."""
        return path in ("/v2", "/v2/") or (
            path.startswith("/v2/") and ("/blobs/" in path or "/manifests/" in path or path.endswith("/tags/list"))
        )

    async def __call__(self, request: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        exchange = Exchange(request, receive, send)
        try:
            await self._route(exchange)
        except RegistryError as error:
            body = json.dumps({"errors": [{"code": error.code, "message": str(error)}]}).encode()
            headers = {"content-type": "application/json; charset=utf-8"}
            if error.status == 401:  # noqa: PLR2004
                host = exchange.headers.get("host", "")
                headers["www-authenticate"] = f'Basic realm="https://{host}/",service="ecr.amazonaws.com"'
            await exchange.answer(error.status, headers, body)
        except ConnectionResetError:
            return

    async def _route(self, exchange: Exchange) -> None:
        token = self._tokens.find(exchange.headers.get("authorization", ""))
        if token is None:
            if "authorization" in exchange.headers:
                raise RegistryError(
                    403, "DENIED", "Your authorization token has expired. Reauthenticate and try again."
                )
            raise RegistryError(401, "UNAUTHORIZED", "Not Authorized")
        host = _HOST.match(exchange.headers.get("host", ""))
        account, region = host.groups() if host else (token.account, token.region)
        with scope.scoped(account, region):
            if exchange.path in ("/v2", "/v2/"):
                await exchange.answer(200, {"content-type": "application/json"}, b"{}")
                return
            for kind, pattern in _ROUTES.items():
                match = pattern.fullmatch(exchange.path)
                if match:
                    exchange.name = match["name"]
                    exchange.reference = match.groupdict().get("reference") or ""
                    self._authorize(exchange, kind, token)
                    await _meet_fault(exchange, kind, token)
                    await self._serve(exchange, kind)
                    return
        raise RegistryError(404, "NAME_UNKNOWN", f"the registry does not know {exchange.path}")

    def _authorize(self, exchange: Exchange, kind: str, token: Token) -> None:
        action = _ACTIONS.get((exchange.method, kind))
        if action is None:
            raise RegistryError(405, "UNSUPPORTED", "The operation is unsupported.")
        resource = f"arn:aws:ecr:{scope.region()}:{scope.account()}:repository/{exchange.name}"
        try:
            authorization.check(token.access_key_id, f"ecr:{action}", resource)
        except authorization.AccessDeniedError as error:
            raise RegistryError(403, "DENIED", str(error)) from error
        try:
            self._images.repository(exchange.name)
        except ApiError as error:
            raise RegistryError(404, "NAME_UNKNOWN", error.message) from error

    async def _serve(self, exchange: Exchange, kind: str) -> None:
        handlers = {
            ("GET", "manifest"): self._get_manifest,
            ("HEAD", "manifest"): self._get_manifest,
            ("PUT", "manifest"): self._put_manifest,
            ("DELETE", "manifest"): self._delete_manifest,
            ("GET", "blob"): self._get_blob,
            ("HEAD", "blob"): self._head_blob,
            ("POST", "uploads"): self._start_upload,
            ("GET", "upload"): self._upload_status,
            ("PATCH", "upload"): self._append_upload,
            ("PUT", "upload"): self._finish_upload,
            ("DELETE", "upload"): self._cancel_upload,
            ("GET", "tags"): self._list_tags,
        }
        await handlers[exchange.method, kind](exchange)

    # ------------------------------------------------------------ manifests

    async def _get_manifest(self, exchange: Exchange) -> None:
        reference = exchange.reference
        key = "digest" if is_digest(reference) else "tag"
        record = self._images.find(exchange.name, **{key: reference})
        if record is None:
            raise RegistryError(404, "MANIFEST_UNKNOWN", "Requested image not found")
        await exchange.answer(
            200,
            {"content-type": record["imageManifestMediaType"], "docker-content-digest": record["imageDigest"]},
            self._images.manifest(record),
        )

    async def _put_manifest(self, exchange: Exchange) -> None:
        manifest = await exchange.body(limit=_MANIFEST_LIMIT_BYTES)
        self._check_references(exchange.name, manifest)
        tag = None if is_digest(exchange.reference) else exchange.reference
        media_type = exchange.headers.get("content-type") or DEFAULT_MEDIA_TYPE
        try:
            record = self._images.put(exchange.name, manifest, media_type=media_type, tag=tag)
        except TagImmutableError as error:
            raise RegistryError(400, "TAG_INVALID", str(error)) from error
        digest = record["imageDigest"]
        await exchange.answer(
            201, {"location": f"/v2/{exchange.name}/manifests/{digest}", "docker-content-digest": digest}
        )

    def _check_references(self, name: str, manifest: bytes) -> None:
        try:
            document = json.loads(manifest)
        except json.JSONDecodeError as error:
            raise RegistryError(400, "MANIFEST_INVALID", "the manifest is not JSON") from error
        parts = [document.get("config") or {}, *(document.get("layers") or [])]
        # Attestations may name layers elsewhere ("urls"); those are not ours to check.
        missing = [
            part["digest"]
            for part in parts
            if part.get("digest")
            and not part.get("urls")
            and not self._blobs.has(self._images.storage_name(name), part["digest"])
        ]
        missing += [
            part["digest"]
            for part in document.get("manifests") or []
            if self._images.find(name, digest=part["digest"]) is None
        ]
        if missing:
            raise RegistryError(400, "MANIFEST_BLOB_UNKNOWN", f"Layers {', '.join(missing)} are not in the repository")

    async def _delete_manifest(self, exchange: Exchange) -> None:
        key = "digest" if is_digest(exchange.reference) else "tag"
        arguments: dict[str, str | None] = {"digest": None, "tag": None, key: exchange.reference}
        if self._images.delete(exchange.name, **arguments) is None:
            raise RegistryError(404, "MANIFEST_UNKNOWN", "Requested image not found")
        await exchange.answer(202)

    async def _list_tags(self, exchange: Exchange) -> None:
        tags = sorted(tag for record in self._images.all(exchange.name) for tag in record["imageTags"])
        await exchange.answer(
            200, {"content-type": "application/json"}, json.dumps({"name": exchange.name, "tags": tags}).encode()
        )

    # ------------------------------------------------------------ layers

    def _find_blob(self, exchange: Exchange) -> dict[str, str]:
        if not self._blobs.has(self._images.storage_name(exchange.name), exchange.reference):
            raise RegistryError(404, "BLOB_UNKNOWN", "blob unknown to registry")
        return {
            "content-type": "application/octet-stream",
            "docker-content-digest": exchange.reference,
            "content-length": str(self._blobs.size(exchange.reference)),
        }

    async def _head_blob(self, exchange: Exchange) -> None:
        await exchange.answer(200, self._find_blob(exchange))

    async def _get_blob(self, exchange: Exchange) -> None:
        await exchange.answer_stream(self._find_blob(exchange), self._blobs.stream(exchange.reference))

    async def _start_upload(self, exchange: Exchange) -> None:
        # A cross-repository mount ("mount=") falls back to an upload, as in ECR without blob mounting.
        upload_id = self._blobs.start_upload(self._images.storage_name(exchange.name))
        await self._answer_upload(exchange, upload_id, status=202)

    def _upload_id(self, exchange: Exchange) -> str:
        if self._blobs.upload(self._images.storage_name(exchange.name), exchange.reference) is None:
            raise RegistryError(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
        return exchange.reference

    async def _answer_upload(self, exchange: Exchange, upload_id: str, *, status: int) -> None:
        upload = self._blobs.upload(self._images.storage_name(exchange.name), upload_id)
        size = upload.size if upload else 0
        await exchange.answer(
            status,
            {
                "location": f"/v2/{exchange.name}/blobs/uploads/{upload_id}",
                "docker-upload-uuid": upload_id,
                "range": f"0-{max(0, size - 1)}",
            },
        )

    async def _upload_status(self, exchange: Exchange) -> None:
        await self._answer_upload(exchange, self._upload_id(exchange), status=204)

    async def _append_upload(self, exchange: Exchange) -> None:
        upload_id = self._upload_id(exchange)
        upload = self._blobs.upload(self._images.storage_name(exchange.name), upload_id)
        assert upload is not None  # noqa: S101 - _upload_id has just found it
        await exchange.stream(upload.append)
        await self._answer_upload(exchange, upload_id, status=202)

    async def _finish_upload(self, exchange: Exchange) -> None:
        upload_id = self._upload_id(exchange)
        upload = self._blobs.upload(self._images.storage_name(exchange.name), upload_id)
        assert upload is not None  # noqa: S101 - _upload_id has just found it
        await exchange.stream(upload.append)
        digest = exchange.query.get("digest", "")
        try:
            self._blobs.finish_upload(upload_id, digest)
        except DigestError as error:
            raise RegistryError(400, "DIGEST_INVALID", str(error)) from error
        await exchange.answer(201, {"location": f"/v2/{exchange.name}/blobs/{digest}", "docker-content-digest": digest})

    async def _cancel_upload(self, exchange: Exchange) -> None:
        self._blobs.cancel_upload(self._upload_id(exchange))
        await exchange.answer(204)
