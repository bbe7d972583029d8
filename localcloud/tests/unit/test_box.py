"""Parts of the box that need no engine."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pythonbase_localcloud import instance
from pythonbase_localcloud.box import container_box, front, hosts, network
from pythonbase_localcloud.box.config import BoxConfig, Program
from pythonbase_localcloud.engine import docker_engine, oci_runtime
from pythonbase_localcloud.machine import locks
from pythonbase_localcloud.machine.commands import CommandError, LocalCloudError, run

# --- hosts and names ---------------------------------------------------------------------------------------------


def test_names_can_be_added_while_the_file_is_mounted(tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_text(hosts.render("10.1.2.3 intranet\n", {"public.ecr.aws": "127.0.0.2"}))
    inode = file.stat().st_ino
    assert hosts.add_hosts(file, ["a.example", "public.ecr.aws", "a.example"]) == ["a.example"]
    assert file.stat().st_ino == inode
    assert hosts.known(file) == {"intranet", "localhost", "public.ecr.aws", "a.example"}


@pytest.mark.parametrize(
    ("region", "name"),
    [
        ("eu-west-1", "000000000000.dkr.ecr.eu-west-1.amazonaws.com"),
        ("cn-north-1", "000000000000.dkr.ecr.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_the_registry_has_the_name_that_aws_gives_it(region: str, name: str) -> None:
    assert hosts.ecr_name("000000000000", region) == name


def test_the_box_keeps_search_domains_but_not_the_machines_name_servers() -> None:
    text = network.resolver_configuration("nameserver 192.0.2.1\nsearch corp.example\noptions edns0\n")
    assert text == "nameserver 10.0.2.3\nsearch corp.example\n"


# --- the instance ------------------------------------------------------------------------------------------------


def test_two_checkouts_have_different_names_on_the_machine(tmp_path: Path) -> None:
    one, two = (instance.Instance(root=tmp_path, home=tmp_path / name, cache=tmp_path) for name in ("one", "two"))
    assert one.identifier != two.identifier


def test_the_environment_overrides_where_the_instance_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALCLOUD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOCALCLOUD_CACHE", str(tmp_path / "cache"))
    found = instance.find()
    assert (found.home, found.cache) == (tmp_path / "home", tmp_path / "cache")


def test_without_overrides_the_instance_is_in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCALCLOUD_HOME", raising=False)
    monkeypatch.delenv("LOCALCLOUD_CACHE", raising=False)
    repository = Path(__file__).parents[3]
    found = instance.find(start=repository / "tests" / "unit")
    assert (found.root, found.home) == (repository, repository / ".localcloud")


def test_a_deep_directory_gets_a_short_address_for_its_socket(tmp_path: Path) -> None:
    deep = instance.Instance(root=tmp_path, home=tmp_path / ("d" * 120), cache=tmp_path)
    assert len(os.fsencode(deep.docker_socket)) < 100
    shallow = instance.Instance(root=tmp_path, home=Path("/srv/a"), cache=tmp_path)
    assert shallow.run_alias is None


def test_shell_exports_survive_spaces_and_put_our_programs_first(tmp_path: Path) -> None:
    home = tmp_path / "with 'odd' name"
    made = instance.Instance(root=tmp_path, home=home, cache=tmp_path)
    script = (
        made.shell_exports(account="111122223333") + 'printf "%s\\n" "$LOCALCLOUD_HOME" "$AWS_ACCESS_KEY_ID" "$PATH"'
    )
    shown = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, check=True).stdout.splitlines()
    assert shown[:2] == [str(home), "111122223333"]
    assert shown[2].startswith(str(made.programs))


def test_accounts_do_not_share_what_the_cdk_cli_remembers(tmp_path: Path) -> None:
    made = instance.Instance(root=tmp_path, home=tmp_path, cache=tmp_path)
    homes = {made.environment(account=account)["CDK_HOME"] for account in ("000000000000", "111122223333")}
    assert len(homes) == 2


def test_a_lock_makes_the_second_wait(tmp_path: Path) -> None:
    events: list[str] = []

    def second() -> None:
        with locks.held(tmp_path / "lock"):
            events.append("second")

    with locks.held(tmp_path / "lock"):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.1)
        events.append("first")
    thread.join()
    assert events == ["first", "second"]


# --- commands ----------------------------------------------------------------------------------------------------


def test_a_failed_program_is_reported_with_its_last_words() -> None:
    with pytest.raises(CommandError, match=r"(?s)exit code 3: sh -c .*\n    broken"):
        run(["sh", "-c", "echo broken >&2; exit 3"])


def test_a_missing_program_is_named() -> None:
    with pytest.raises(CommandError, match="the program surely-not-there is not there"):
        run(["surely-not-there"])


def test_a_program_that_takes_too_long_is_ended() -> None:
    with pytest.raises(CommandError, match="took longer than 0 s"):
        run(["sleep", "10"], timeout=0.1)


# --- choice of the engine ----------------------------------------------------------------------------------------


def fake_docker(directory: Path, info: str) -> dict[str, str]:
    """A `docker` that answers `docker info` with `info`."""
    program = directory / "docker"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{info}\nEND\n")
    program.chmod(0o755)
    return {"PATH": f"{directory}:{os.environ['PATH']}", "DOCKER_HOST": "unix:///run/docker.sock"}


def test_a_recent_engine_of_the_users_is_found(tmp_path: Path) -> None:
    environment = fake_docker(tmp_path, '{"ServerVersion": "28.5.2", "SecurityOptions": ["name=seccomp"]}')
    found = docker_engine.find_user_engine(environment, reasons=[])
    assert found is not None
    assert (found.host, found.version) == ("unix:///run/docker.sock", "28.5.2")


@pytest.mark.parametrize(
    ("info", "host", "reason"),
    [
        ('{"ServerVersion": "20.10.24"}', "unix:///s", "Docker engine 20.10.24 is older than 23"),
        ('{"ServerVersion": "28.0.0"}', "tcp://h:2375", r"is not on this machine \(tcp://h:2375\)"),
        ('{"ServerVersion": "28.0.0", "OperatingSystem": "Docker Desktop"}', "unix:///s", "virtual machine"),
        ('{"ServerVersion": "28.0.0", "SecurityOptions": ["name=rootless"]}', "unix:///s", "is rootless"),
        ('{"ServerErrors": ["no"]}', "unix:///s", "no Docker engine answers"),
        ("not JSON", "unix:///s", "no Docker engine answers"),
    ],
)
def test_an_engine_that_cannot_be_used_is_left_alone_with_the_reason(
    tmp_path: Path, info: str, host: str, reason: str
) -> None:
    reasons: list[str] = []
    environment = {**fake_docker(tmp_path, info), "DOCKER_HOST": host}
    assert docker_engine.find_user_engine(environment, reasons=reasons) is None
    assert len(reasons) == 1
    assert re.search(reason, reasons[0])


def test_our_own_engine_is_not_taken_for_the_users(tmp_path: Path) -> None:
    info = '{"ServerVersion": "28.0.0", "Labels": ["localcloud.home=/somewhere"]}'
    assert docker_engine.find_user_engine(fake_docker(tmp_path, info), reasons=[]) is None


def test_without_any_engine_one_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LocalCloudError) as raised:
        docker_engine.choose(
            environment={"PATH": str(tmp_path)}, cache=tmp_path, log=tmp_path / "log", report=lambda _: None
        )
    text = str(raised.value)
    assert "a private engine needs root" in text
    assert "Install Docker Engine 23 or later with its buildx plugin" in text


# --- the runtime in front of runc --------------------------------------------------------------------------------


def runtime(tmp_path: Path) -> Path:
    """The program with a `runc` behind it that shows its arguments and the configuration."""
    runc = tmp_path / "real-runc"
    runc.write_text('#!/bin/sh\necho "$@"\ncat config.json 2>/dev/null\n')
    runc.chmod(0o755)
    return oci_runtime.write(tmp_path / "shim", runc=runc, bundle=Path("/machine/bundle.pem")) / "runc"


def call(program: Path, *arguments: str, cwd: Path) -> str:
    return subprocess.run([program, *arguments], cwd=cwd, capture_output=True, text=True, check=True).stdout


def test_a_run_step_gets_the_bundle_and_the_real_runtime_all_arguments(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"process": {"env": ["PATH=/bin", "PIP_CERT=/mine"]}}')
    shown = call(runtime(tmp_path), "--log", "l", "run", "--bundle", str(tmp_path), "id1", cwd=tmp_path)
    assert shown.splitlines()[0] == f"--log l run --bundle {tmp_path} id1"
    assert '"source": "/machine/bundle.pem"' in shown
    assert "SSL_CERT_FILE=/dev/localcloud-ca.crt" in shown
    assert "PIP_CERT=/mine" in shown
    assert "PIP_CERT=/dev" not in shown


@pytest.mark.parametrize("command", ["create", "start", "delete", "state"])
def test_other_containers_are_not_changed(tmp_path: Path, command: str) -> None:
    (tmp_path / "config.json").write_text('{"process": {}}')
    shown = call(runtime(tmp_path), command, "--bundle", str(tmp_path), "id1", cwd=tmp_path)
    assert shown == f'{command} --bundle {tmp_path} id1\n{{"process": {{}}}}'


@pytest.mark.parametrize("words", [["--bundle", "/b"], ["--bundle=/b"], ["-b", "/b"], ["-b=/b"]])
def test_the_bundle_directory_is_found_in_each_spelling(words: list[str]) -> None:
    assert oci_runtime.bundle_directory(["run", *words, "id"]) == Path("/b")


def test_the_mount_is_read_only_and_below_dev() -> None:
    config: dict[str, Any] = {"process": {}}
    oci_runtime.add_bundle(config, "/machine/bundle.pem")
    (mount,) = config["mounts"]
    assert mount["destination"].startswith("/dev/")
    assert "ro" in mount["options"]


# --- the other kind of box, the configuration, the front ----------------------------------------------------------


def test_the_containers_image_holds_links_and_empty_directories_only(tmp_path: Path) -> None:
    (tmp_path / "usr").mkdir()
    (tmp_path / "usr" / "secret").write_text("x")
    (tmp_path / "vmlinuz").write_text("x")
    (tmp_path / "bin").symlink_to("usr/bin")
    with tarfile.open(fileobj=io.BytesIO(container_box.machine_skeleton(tmp_path))) as archive:
        members = {member.name: member for member in archive}
    assert set(members) == {"bin", "usr", "machine-etc"}
    assert members["bin"].linkname == "usr/bin"


def test_the_box_reads_the_configuration_that_the_launcher_wrote(tmp_path: Path) -> None:
    program = Program(argv=[sys.executable], env={"A": "b"})
    config = BoxConfig(
        kind="namespace",
        run=str(tmp_path),
        logs=str(tmp_path),
        resolv_conf=None,
        hosts="/h",
        docker_socket="/s",
        docker_cli="/d",
        engine=program,
        upstream=program,
        front=program,
        server=program,
        user=0,
        group=0,
        go_fd=5,
    )
    config.save(tmp_path / "config.json")
    assert BoxConfig.load(tmp_path / "config.json") == config


@pytest.mark.parametrize(
    ("host", "path", "target"),
    [
        ("127.0.0.1:8080", "/hello/a?b=c", "/_alb/hello/a?b=c"),
        ("hello.alb.localhost:8080", "/a", "/_alb/hello/a"),
        ("evil.example", "/_localcloud/x", "/_alb/_localcloud/x"),
    ],
)
def test_the_front_only_reaches_load_balancers(host: str, path: str, target: str) -> None:
    assert front.target_path(host, path) == target
