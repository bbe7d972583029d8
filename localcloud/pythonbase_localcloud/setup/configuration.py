"""What the programs in the box are told: command lines, environments, the engine's configuration file."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from pythonbase_localcloud.box import hosts
from pythonbase_localcloud.box.config import BoxConfig, BoxKind, Program
from pythonbase_localcloud.box.tls import Certificate, ensure_certificate
from pythonbase_localcloud.docker_hub import program
from pythonbase_localcloud.docker_hub.names import ADDRESS as HUB_ADDRESS
from pythonbase_localcloud.docker_hub.names import ECR_PUBLIC_HOST
from pythonbase_localcloud.docker_hub.names import HOSTS as HUB_HOSTS
from pythonbase_localcloud.engine import oci_runtime
from pythonbase_localcloud.engine.docker_engine import LABEL, EnginePrograms
from pythonbase_localcloud.images import build_image, upstream
from pythonbase_localcloud.instance import SECRET_ACCESS_KEY, Instance

SERVER = (sys.executable, "-m", "pythonbase_localcloud.aws")
"""The AWS server's command line."""

_SOURCE_ROOT = Path(__file__).parents[2]
_PASSED_ON = ("HOME", "LANG", "TZ", "TERM", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY")
_TUNABLE = ("LOCALCLOUD_TIME_SCALE", "LOG_LEVEL")
"""Variables of the user's that change how the AWS server works."""


def source_fingerprint() -> str:
    """Changes with the AWS server's code, so that `up` knows when to start it anew."""
    digest = hashlib.sha256()
    for path in sorted((Path(__file__).parents[1] / "aws").rglob("*.py")):
        digest.update(str(path).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def box_config(
    instance: Instance,
    *,
    kind: BoxKind,
    programs: EnginePrograms,
    gateway: Certificate,
    upstream_certificate: Certificate,
    upstream_image: Path,
    build_ca: Path | None,
    region: str,
    server: Sequence[str],
    environment: Mapping[str, str],
    docker_hub_programs: program.Programs | None = None,
) -> BoxConfig:
    """Put together the box's configuration and write the files that it refers to.

    `build_ca` is the machine's bundle where it has an authority of its own, else None. `environment` is the user's,
    of which little is passed on. `docker_hub_programs` are given where Docker Hub is stood in for.
    """
    base = {name: environment[name] for name in _PASSED_ON if name in environment}
    # names that mean the box itself must not go to a company's proxy
    base["NO_PROXY"] = base["no_proxy"] = ",".join(
        filter(
            None,
            [
                environment.get("NO_PROXY", environment.get("no_proxy", "")),
                "localhost,127.0.0.1,.amazonaws.com,api.bitbucket.org",
            ],
        )
    )
    search_path = _search_path(instance, programs)
    return BoxConfig(
        kind=kind,
        run=str(instance.run),
        logs=str(instance.logs),
        resolv_conf=str(instance.run / "resolv.conf") if kind == "namespace" else None,
        hosts=str(instance.hosts),
        docker_socket=str(instance.docker_socket),
        docker_cli=str(programs.docker),
        engine=_engine_program(instance, programs, base=base, search_path=search_path, build_ca=build_ca),
        upstream=Program(
            argv=[sys.executable, "-m", "pythonbase_localcloud.images.upstream_server"],
            env={
                **base,
                "PYTHONPATH": str(_SOURCE_ROOT),
                "LOCALCLOUD_UPSTREAM_RECORD": str(instance.home / "upstream.json"),
                "LOCALCLOUD_UPSTREAM_IMAGE": str(upstream_image),
                "LOCALCLOUD_UPSTREAM_CERT": str(upstream_certificate.certificate),
                "LOCALCLOUD_UPSTREAM_KEY": str(upstream_certificate.key),
            },
        ),
        front=Program(
            argv=[sys.executable, "-m", "pythonbase_localcloud.box.front"],
            env={
                **base,
                "PYTHONPATH": str(_SOURCE_ROOT),
                "LOCALCLOUD_PORT": str(instance.port),
                "LOCALCLOUD_CA_BUNDLE": str(instance.ca_bundle),
            },
        ),
        server=Program(
            argv=list(server),
            env={
                **base,
                **{name: environment[name] for name in _TUNABLE if name in environment},
                **_server_environment(instance, gateway=gateway, build_ca=build_ca, region=region),
                "PATH": search_path,
            },
        ),
        docker_hub=program.box_program(
            instance,
            docker_hub_programs,
            certificate=ensure_certificate(instance.tls, stem="docker-hub", names=[*HUB_HOSTS, ECR_PUBLIC_HOST]),
            python_image=upstream_image,
            base=base,
            environment=environment,
        )
        if docker_hub_programs is not None
        else None,
        user=os.geteuid(),
        group=os.getegid(),
    )


def bootstrap_environment() -> dict[str, str]:
    """The environment of the box's first process."""
    return {"PYTHONPATH": str(_SOURCE_ROOT), "PATH": _system_path(), "PYTHONUNBUFFERED": "1", "LANG": "C.UTF-8"}


def box_names(
    accounts: Sequence[tuple[str, str]], made_hosts: Sequence[str], *, docker_hub: bool = False
) -> dict[str, str]:
    """Names that mean the box in there: ECR of each (account, region), Bitbucket's API, and the registries that are
    stood in for.

    `docker_hub`: whether Docker Hub is, which has a stand-in of its own.
    """
    names = {hosts.ecr_name(account, region): hosts.GATEWAY_ADDRESS for account, region in accounts}
    names[hosts.BITBUCKET_API] = hosts.GATEWAY_ADDRESS
    names |= dict.fromkeys(made_hosts, upstream.ADDRESS)
    return names | dict.fromkeys(HUB_HOSTS if docker_hub else (), HUB_ADDRESS)


def _server_environment(
    instance: Instance, *, gateway: Certificate, build_ca: Path | None, region: str
) -> dict[str, str]:
    bundle = str(instance.ca_bundle)
    return {
        "LOCALCLOUD_HOME": str(instance.home),
        "LOCALCLOUD_PORT": str(instance.port),
        "LOCALCLOUD_TLS_CERT": str(gateway.certificate),
        "LOCALCLOUD_TLS_KEY": str(gateway.key),
        "LOCALCLOUD_CA_BUNDLE": bundle,
        "LOCALCLOUD_BITBUCKET": str(instance.bitbucket),
        "LOCALCLOUD_BUILD_IMAGE": build_image.TAG,
        "LOCALCLOUD_BUILD_CA": str(build_ca or ""),
        "AWS_CA_BUNDLE": bundle,
        "SSL_CERT_FILE": bundle,
        "REQUESTS_CA_BUNDLE": bundle,
        "CURL_CA_BUNDLE": bundle,
        "NODE_EXTRA_CA_CERTS": bundle,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        "MINISTACK_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "DOCKER_HOST": instance.docker_host,
        "DOCKER_CONFIG": str(instance.docker_config),
        "NODE_PATH": str(instance.lambda_modules),
        "TMPDIR": str(instance.home / "tmp"),
        "PYTHONPATH": str(_SOURCE_ROOT),
        "PYTHONUNBUFFERED": "1",
    }


def _engine_program(
    instance: Instance,
    programs: EnginePrograms,
    *,
    base: Mapping[str, str],
    search_path: str,
    build_ca: Path | None,
) -> Program:
    settings = {
        "data-root": str(instance.engine_data),
        # /run is the box's own: short paths for containerd's sockets, and empty at every start
        "exec-root": "/run/docker",
        "pidfile": "/run/docker.pid",
        "hosts": [f"unix://{instance.docker_socket}"],
        "group": str(os.getegid()),
        "cgroup-parent": f"/{instance.identifier}",
        "exec-opts": ["native.cgroupdriver=cgroupfs"],
        "labels": [f"{LABEL}={instance.home}"],
        "log-level": "warn",
    }
    file = instance.home / "engine" / "daemon.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(settings, indent=1))
    path = [*map(str, programs.directories), search_path]
    if build_ca is not None:
        shim = oci_runtime.write(instance.home / "engine" / "shim", runc=programs.runc, bundle=build_ca)
        path.insert(0, str(shim))
    return Program(
        argv=[str(programs.dockerd), "--config-file", str(file)],
        env={**base, "PATH": os.pathsep.join(path), "SSL_CERT_FILE": str(instance.ca_bundle)},
    )


def _search_path(instance: Instance, programs: EnginePrograms) -> str:
    python = Path(sys.executable).parent
    return os.pathsep.join(map(str, (instance.programs, python, programs.docker.parent, _system_path())))


def _system_path() -> str:
    """The user's PATH, with the administrator's directories that it may lack."""
    parts = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(dict.fromkeys([*parts, "/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"]))


def link_programs(instance: Instance, programs: EnginePrograms) -> None:
    """Make `docker` and its buildx plugin findable for users of the instance."""
    for link, target in (
        (instance.programs / "docker", programs.docker),
        (instance.docker_config / "cli-plugins" / "docker-buildx", programs.buildx),
    ):
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(target)
