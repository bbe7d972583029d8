"""Puts the parts together and serves them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import signal
import socket
import ssl
import threading
import time
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config

from pythonbase_localcloud.aws.eventbridge import event_targets, failure_metrics, notifications
from pythonbase_localcloud.aws.iam import container_credentials, credentials, pass_role, request_resources, trust
from pythonbase_localcloud.aws.load_balancing import load_balancer
from pythonbase_localcloud.aws.load_balancing.target_health import HealthChecks
from pythonbase_localcloud.aws.small_services import auto_scaling, codeconnections, ecr_public, service_quotas
from pythonbase_localcloud.aws.step_functions import state_machines

from . import cloudformation, codebuild, codepipeline, ecs, faults, seams, state
from .bitbucket.api import Api as BitbucketApi
from .bitbucket.watcher import Watcher
from .controls import Controls
from .gateway import Gateway
from .registry import other_accounts
from .registry.blobs import BlobStore
from .registry.expiration import LifecyclePolicies
from .registry.images import Images
from .registry.operations import Operations
from .registry.protocol import Registry
from .registry.tokens import Tokens
from .settings import Settings

log = logging.getLogger("localcloud")

_SHUTDOWN_SECONDS = 6.0
_LISTENING_POLL_SECONDS = 0.2
_GONE = (ssl.SSLError, TimeoutError, ConnectionError, asyncio.CancelledError)
"""How a client's disappearance shows."""


def build(settings: Settings) -> Gateway:
    """Extend MiniStack and return the application to serve. Call it once a process: it patches MiniStack."""
    seams.check()
    images = Images(BlobStore(settings.state / "registry"))
    tokens = Tokens()
    Operations(images).install()
    lifecycle_policies = LifecyclePolicies(images)
    lifecycle_policies.install()
    tokens.install()
    other_accounts.install()
    watcher = Watcher(settings.bitbucket)
    health = HealthChecks(time_scale=settings.time_scale)
    load_balancer.install(health)
    ecs.install(health)
    cloudformation.install()
    auto_scaling.install()
    codeconnections.install()
    ecr_public.install()
    service_quotas.install()
    codebuild.install(settings)
    codepipeline.install(settings)
    event_targets.install()
    notifications.install()
    state_machines.install()
    failure_metrics.install()
    trust.install()
    # Last: it wraps the handlers that the lines above registered.
    request_resources.install()
    pass_role.install()
    faults.install()

    def started() -> None:
        state.start()
        health.start()
        watcher.start()
        threading.Thread(target=_resume, args=(settings.port,), daemon=True, name="localcloud-resume").start()

    return Gateway(
        registry=Registry(images, tokens),
        controls=Controls(
            lifecycle_policies=lifecycle_policies, bitbucket=BitbucketApi(settings.bitbucket), watcher=watcher
        ),
        started=started,
    )


def _resume(port: int) -> None:
    """Once requests are answered, go on with what the server before this one left."""
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            break
        time.sleep(_LISTENING_POLL_SECONDS)
    codepipeline.resume()


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then save the state."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    config = Config()
    # 443: what "<account>.dkr.ecr.<region>.amazonaws.com" is in the box.
    config.bind = [f"127.0.0.1:{settings.port}", "127.0.0.1:443"]
    if settings.listen_fd is not None:
        config.bind.append(f"fd://{settings.listen_fd}")
    config.insecure_bind = [f"fd://{container_credentials.listen()}"]
    config.certfile, config.keyfile = str(settings.tls_cert), str(settings.tls_key)
    config.alpn_protocols = ["http/1.1"]  # HTTP/2's flow control in Python halves the speed of layer uploads
    config.keep_alive_timeout = 75
    config.keep_alive_max_requests = 1_000_000
    config.graceful_timeout = 3
    config.errorlog = logging.getLogger("hypercorn.error")
    try:
        asyncio.run(_serve(build(settings), config))
    finally:
        _exit()


async def _serve(gateway: Gateway, config: Config) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)

    def report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        # A client that goes away without closing TLS is nothing to report.
        if not isinstance(context.get("exception"), _GONE):
            loop.default_exception_handler(context)

    loop.set_exception_handler(report)

    async def stopped() -> None:
        await stop.wait()
        # Saved first: a connection that does not close must not cost the state.
        state.save()
        credentials.close_clients()
        threading.Timer(_SHUTDOWN_SECONDS, _exit).start()

    await serve(gateway, config, shutdown_trigger=stopped)  # type: ignore[arg-type]


def _exit() -> None:
    """End the process without waiting for threads that serve nobody any more."""
    seams.app._stop_docker_containers()
    logging.shutdown()
    os._exit(0)
