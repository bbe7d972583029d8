"""Starts an instance, or brings a running one up to date: what `up` does."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from pythonbase_localcloud import docker_hub
from pythonbase_localcloud.box import cgroups, container_box, hosts, namespace_box, network, tls
from pythonbase_localcloud.box.config import BoxConfig
from pythonbase_localcloud.box.init import STATE_FILE
from pythonbase_localcloud.docker_hub import program
from pythonbase_localcloud.engine import docker_engine, packages
from pythonbase_localcloud.images import build_image, upstream, upstream_image
from pythonbase_localcloud.instance import Instance
from pythonbase_localcloud.machine import ports
from pythonbase_localcloud.machine.commands import LocalCloudError
from pythonbase_localcloud.machine.progress import Report
from pythonbase_localcloud.setup import configuration, lambda_runtime
from pythonbase_localcloud.setup.running import server_is_well, wait_for_engine, wait_for_server

_FINGERPRINT_FILE = "fingerprint"


class Starter:
    """One `up`: what its steps share."""

    def __init__(
        self,
        instance: Instance,
        *,
        account: str,
        region: str,
        report: Report,
        server: Sequence[str],
        docker_hub: bool,
    ) -> None:
        self._instance = instance
        self._account, self._region = account, region
        self._report = report
        self._server = server
        self._docker_hub_asked = docker_hub
        self._environment: Mapping[str, str] = os.environ
        trust = tls.machine_trust(os.environ, ours=instance.ca_bundle)
        self._machine_bundle = trust.bundle
        self._build_ca = trust.bundle if trust.is_custom else None
        self._record = upstream.Record(instance.home / "upstream.json")

    # --- a running instance -------------------------------------------------------------------------------------------

    def refresh(self, running: namespace_box.Box, upstreams: Sequence[str]) -> None:
        """Bring a running instance up to date: further upstreams and names, changed code, an ended AWS server."""
        instance = self._instance
        self._decide_upstreams(upstreams)
        self._certificates()
        if self._record.made():
            upstream_image.ensure(instance.cache, log=instance.logs / "python-image.log", report=self._report)
        by_address: dict[str, list[str]] = {}
        has_hub = BoxConfig.load(instance.run / namespace_box.CONFIG_FILE).docker_hub is not None
        if self._docker_hub_asked and not has_hub:
            raise LocalCloudError("the local cloud runs without a stand-in for Docker Hub; stop it and start it again")
        for name, address in self._names(docker_hub=has_hub).items():
            by_address.setdefault(address, []).append(name)
        for address, names in by_address.items():
            hosts.add_hosts(instance.hosts, names, address=address)
        fingerprint = instance.run / _FINGERPRINT_FILE
        changed = not fingerprint.exists() or fingerprint.read_text() != self._fingerprint()
        if changed or not server_is_well(instance):
            self._report("starts the AWS server anew")
            config_file = instance.run / namespace_box.CONFIG_FILE
            old = BoxConfig.load(config_file)
            server = replace(old.server, argv=list(self._server))
            replace(old, server=server).save(config_file)
            # a server that has ended is not asked again; one that runs must be gone before the question makes sense
            self._mark_restart()
            running.restart_server()
            wait_for_server(instance, running)
            fingerprint.write_text(self._fingerprint())
        self._write_env_file()
        self._report(f"the local cloud is running at {instance.endpoint_url}")

    # --- a new start --------------------------------------------------------------------------------------------------

    def start(self, upstreams: Sequence[str]) -> None:
        """Start an instance that does not run; slow parts of the first time run side by side."""
        instance = self._instance
        self._make_directories()
        choice = docker_engine.choose(
            environment=self._environment,
            cache=instance.cache,
            log=instance.logs / "packages.log",
            report=self._report,
        )
        can_make = self._can_make_images()
        with ThreadPoolExecutor(thread_name_prefix="up") as pool:
            modules = pool.submit(
                lambda_runtime.ensure,
                instance.lambda_modules.parent,
                search_path=instance.environment()["PATH"],
                log=instance.logs / "npm.log",
                report=self._report,
            )
            self._decide_upstreams(upstreams)
            build_archive = self._submit_build_image(pool, can_make=can_make)
            base_image = self._submit_upstream_image(pool, can_make=can_make)
            registry = pool.submit(self._docker_hub_programs)
            programs = choice.obtain(instance.cache, report=self._report)
            running = self._start_box(programs, choice.user_engine, hub=registry.result())
            docker = programs.docker
            client = {**os.environ, **instance.environment()}
            wait_for_engine(instance, running)
            self._report(f"Docker engine {programs.version} is ready")
            if not build_image.is_loaded(docker, client):
                if build_archive is not None:
                    build_image.load(build_archive.result(), docker=docker, environment=client)
                else:
                    self._report("builds the CodeBuild image on Debian's own (once, a minute or two)")
                    build_image.build(docker=docker, environment=client, log=instance.logs / "codebuild-image.log")
                self._report("the CodeBuild image is loaded")
            modules.result()
            if base_image is not None:
                base_image.result()
            wait_for_server(instance, running)
        (instance.run / _FINGERPRINT_FILE).write_text(self._fingerprint())
        self._write_env_file()
        self._report(f"the local cloud is running at {instance.endpoint_url}")

    def _make_directories(self) -> None:
        instance = self._instance
        cgroups.remove(instance.identifier)
        shutil.rmtree(instance.run, ignore_errors=True)
        shutil.rmtree(instance.home / "tmp", ignore_errors=True)
        for directory in (
            instance.run,
            instance.home / "tmp",
            instance.logs,
            instance.cache,
            instance.bitbucket,
            instance.engine_data,
            instance.home / "aws",
        ):
            directory.mkdir(parents=True, exist_ok=True)
        for log in instance.logs.glob("*.log"):
            log.replace(log.with_suffix(".log.1"))
        alias = instance.run_alias
        if alias is not None:
            if alias.is_symlink() and alias.lstat().st_uid == os.geteuid():
                alias.unlink()
            alias.symlink_to(instance.run)

    def _can_make_images(self) -> bool:
        return os.geteuid() == 0 and packages.find_program("mmdebstrap") is not None

    def _submit_build_image(self, pool: ThreadPoolExecutor, *, can_make: bool) -> Future[Path] | None:
        if not can_make and not build_image.archive_path(self._instance.cache).exists():
            return None
        log = self._instance.logs / "codebuild-image.log"
        return pool.submit(build_image.ensure_archive, self._instance.cache, log=log, report=self._report)

    def _submit_upstream_image(self, pool: ThreadPoolExecutor, *, can_make: bool) -> Future[Path] | None:
        if not self._record.made() and not self._docker_hub_asked:
            return None
        if not can_make and not upstream_image.is_made(self._instance.cache):
            hosts_made = ", ".join(self._record.made_hosts()) or "Docker Hub"
            raise LocalCloudError(
                f"{hosts_made} cannot be reached, and a stand-in image can only be "
                "made as root with mmdebstrap (a Debian package); connect to the internet, or run this as root on "
                "Debian or Ubuntu"
            )
        log = self._instance.logs / "python-image.log"
        return pool.submit(upstream_image.ensure, self._instance.cache, log=log, report=self._report)

    def _decide_upstreams(self, upstreams: Sequence[str]) -> None:
        before = set(self._record.answers)
        if self._docker_hub_asked:
            self._record.stand_in_for(docker_hub.API_HOST)
        self._record.decide(upstreams, bundle=self._machine_bundle, hosts=[docker_hub.API_HOST])
        for host in sorted(set(self._record.answers) - before):
            answer = "answers" if self._record.answers[host] else "is stood in for: its images are made here"
            self._report(f"{host} {answer}")

    def _docker_hub_programs(self) -> program.Programs | None:
        """The programs that stand in for Docker Hub, or None where it is real or nothing can stand in for it."""
        if self._record.answers[docker_hub.API_HOST]:
            return None
        if not self._docker_hub_asked and not program.can_be_obtained(self._instance.cache):
            return None
        try:
            return program.obtain(self._instance.cache, report=self._report)
        except LocalCloudError as error:
            if self._docker_hub_asked:
                raise
            self._report(f"there is no stand-in for Docker Hub: {error}")
            return None

    def _certificates(self) -> tuple[tls.Certificate, tls.Certificate]:
        directory = self._instance.tls
        authority = tls.ensure_authority(directory)
        gateway = tls.ensure_certificate(directory, stem="gateway", names=tls.gateway_names())
        stand_in = tls.ensure_certificate(
            directory, stem="upstream", names=["localhost", upstream.ADDRESS, *self._record.made_hosts()]
        )
        tls.write_bundle(self._instance.ca_bundle, authority=authority, machine=self._machine_bundle)
        return gateway, stand_in

    def _start_box(
        self,
        programs: docker_engine.EnginePrograms,
        user: docker_engine.UserEngine | None,
        *,
        hub: program.Programs | None,
    ) -> namespace_box.Box:
        instance = self._instance
        gateway, stand_in = self._certificates()
        gateway_socket = ports.reserve(instance.port_file)
        front_socket = ports.reserve(instance.front_port_file, preferred=ports.DEFAULT_FRONT_PORT)
        configuration.link_programs(instance, programs)
        instance.hosts.write_text(hosts.render(_read("/etc/hosts"), self._names(docker_hub=hub is not None)))
        (instance.run / "resolv.conf").write_text(network.resolver_configuration(_read("/etc/resolv.conf")))
        config = configuration.box_config(
            instance,
            kind="namespace" if user is None else "container",
            programs=programs,
            gateway=gateway,
            upstream_certificate=stand_in,
            upstream_image=instance.cache
            / "images"
            / f"{upstream_image.PYTHON.name}-{upstream_image.PYTHON.fingerprint}",
            build_ca=self._build_ca,
            region=self._region,
            server=self._server,
            environment=self._environment,
            docker_hub_programs=hub,
        )
        environment = configuration.bootstrap_environment()
        # the box holds the sockets then
        with gateway_socket, front_socket:
            if user is None:
                return namespace_box.start(
                    instance, config, gateway=gateway_socket, front=front_socket, environment=environment
                )
            return container_box.start(
                instance,
                config,
                gateway=gateway_socket,
                front=front_socket,
                docker=user.docker,
                host=user.host,
                environment=environment,
            )

    def _names(self, *, docker_hub: bool) -> dict[str, str]:
        return configuration.box_names(
            [(self._account, self._region)], self._record.made_hosts(), docker_hub=docker_hub
        )

    def _fingerprint(self) -> str:
        return json.dumps([configuration.source_fingerprint(), list(self._server)])

    def _mark_restart(self) -> None:
        (self._instance.run / STATE_FILE).write_text(json.dumps({"phase": "restarting", "error": ""}))

    def _write_env_file(self) -> None:
        self._instance.env_file.write_text(self._instance.shell_exports(account=self._account, region=self._region))
        (self._instance.home / "cdk" / self._account).mkdir(parents=True, exist_ok=True)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""
