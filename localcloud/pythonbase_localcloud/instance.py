"""An instance of the local cloud: where its files are, which port it has, which environment its users need."""

from __future__ import annotations

import hashlib
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from pythonbase_localcloud.machine import ports

DEFAULT_ACCOUNT = "000000000000"
DEFAULT_REGION = "eu-west-1"
SECRET_ACCESS_KEY = "local"  # noqa: S105  the root secret of an emulator that only answers on loopback
_SOCKET_PATH_LIMIT = 100
"""Unix socket addresses end at 107 bytes; the rest is for what programs append."""


@dataclass(frozen=True, kw_only=True)
class Instance:
    """Directories of one local cloud. Nothing is created by constructing it.

    `root` is the repository, `home` the instance's state, `cache` what downloads and images made once are kept in
    (several instances may share it).
    """

    root: Path
    home: Path
    cache: Path

    @property
    def identifier(self) -> str:
        """Short name for what lives outside the directory (control groups, a container): one per home."""
        return "localcloud-" + hashlib.sha256(os.fsencode(self.home)).hexdigest()[:10]

    @property
    def lock(self) -> Path:
        return self.home / "lock"

    @property
    def port_file(self) -> Path:
        return self.home / "port"

    @property
    def run(self) -> Path:
        """What exists only while the box runs."""
        return self.home / "run"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def tls(self) -> Path:
        return self.home / "tls"

    @property
    def ca_bundle(self) -> Path:
        """The machine's certificate authorities and the instance's own."""
        return self.tls / "bundle.pem"

    @property
    def bitbucket(self) -> Path:
        return self.home / "bitbucket"

    @property
    def engine_data(self) -> Path:
        return self.home / "engine" / "data"

    @property
    def docker_config(self) -> Path:
        """DOCKER_CONFIG: the instance's log-ins and plugins, apart from the user's own."""
        return self.home / "engine" / "client"

    @property
    def programs(self) -> Path:
        """A directory for PATH that holds the engine's `docker`."""
        return self.home / "engine" / "bin"

    @property
    def hosts(self) -> Path:
        """The box's /etc/hosts."""
        return self.run / "hosts"

    @property
    def env_file(self) -> Path:
        return self.home / "env.sh"

    @property
    def lambda_modules(self) -> Path:
        return self.cache / "lambda-runtime" / "node_modules"

    @property
    def run_alias(self) -> Path | None:
        """A short symbolic link to `run`, needed where a socket in it has a path too long for the kernel."""
        if len(os.fsencode(self.run / "docker.sock")) <= _SOCKET_PATH_LIMIT:
            return None
        return Path("/tmp") / self.identifier  # noqa: S108  made by `up` after checking who owns it

    @property
    def docker_socket(self) -> Path:
        return (self.run_alias or self.run) / "docker.sock"

    @property
    def docker_host(self) -> str:
        return f"unix://{self.docker_socket}"

    @property
    def port(self) -> int:
        """The gateway's port; the default if the instance was never up."""
        return ports.remembered(self.port_file) or ports.DEFAULT_PORT

    @property
    def front_port_file(self) -> Path:
        return self.home / "front-port"

    @property
    def front_port(self) -> int:
        """The port that serves load balancers over plain HTTP."""
        return ports.remembered(self.front_port_file) or ports.DEFAULT_FRONT_PORT

    def load_balancer_url(self, name: str) -> str:
        """Where this machine reaches what the load balancer `name` serves."""
        return f"http://{ports.LOOPBACK}:{self.front_port}/{name}/"

    @property
    def endpoint_url(self) -> str:
        return f"https://{ports.LOOPBACK}:{self.port}"

    def environment(self, *, account: str = DEFAULT_ACCOUNT, region: str = DEFAULT_REGION) -> dict[str, str]:
        """Environment variables with which boto3, the CDK CLI and Docker's CLI talk to this instance.

        `account` is 12 digits; the emulator knows it from the access key. PATH is the caller's with the instance's
        programs in front.
        """
        bundle = str(self.ca_bundle)
        return {
            "LOCALCLOUD_HOME": str(self.home),
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": account,
            "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CA_BUNDLE": bundle,
            "SSL_CERT_FILE": bundle,
            "REQUESTS_CA_BUNDLE": bundle,
            "CURL_CA_BUNDLE": bundle,
            "NODE_EXTRA_CA_CERTS": bundle,
            "CDK_DEFAULT_ACCOUNT": account,
            "CDK_DEFAULT_REGION": region,
            # the CLI remembers access key -> account in there: one directory per account and emulator
            "CDK_HOME": str(self.home / "cdk" / account),
            "CDK_DISABLE_VERSION_CHECK": "1",
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "DOCKER_HOST": self.docker_host,
            "DOCKER_CONFIG": str(self.docker_config),
            # the engine asks registries for tokens itself: their names may mean the box, in there only
            "BUILDKIT_NO_CLIENT_TOKEN": "1",
            "PATH": _path_with(self.path_directories()),
        }

    def path_directories(self) -> list[Path]:
        """What comes first on PATH: the engine's `docker`, this Python's programs, the CDK CLI."""
        return [self.programs, Path(sys.executable).parent, self.root / "node_modules" / ".bin"]

    def shell_exports(self, *, account: str = DEFAULT_ACCOUNT, region: str = DEFAULT_REGION) -> str:
        """The environment as lines for a POSIX shell. PATH refers to the shell's own."""
        values = self.environment(account=account, region=region)
        values.pop("PATH")
        lines = [f"export {name}={shlex.quote(value)}" for name, value in values.items()]
        front = ":".join(shlex.quote(str(directory)) for directory in self.path_directories())
        lines += [f'export PATH={front}:"$PATH"', "unset AWS_PROFILE AWS_SESSION_TOKEN DOCKER_CONTEXT"]
        return "\n".join(lines) + "\n"


def _path_with(directories: list[Path]) -> str:
    front = [str(directory) for directory in directories]
    rest = [part for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if part not in front]
    return os.pathsep.join(front + rest)


def find(*, start: Path | None = None) -> Instance:
    """The instance that the environment or the current directory means.

    The repository is the nearest directory above `start` (default: the current one) with a `pyproject.toml`, else the
    one this package lies in. LOCALCLOUD_HOME and LOCALCLOUD_CACHE override `<repository>/.localcloud` and its `cache`.
    """
    root = _repository(start or Path.cwd())
    default_home = root / ".localcloud"
    home = Path(os.environ.get("LOCALCLOUD_HOME") or default_home).absolute()
    cache = Path(os.environ.get("LOCALCLOUD_CACHE") or default_home / "cache").absolute()
    return Instance(root=root, home=home, cache=cache)


def _repository(start: Path) -> Path:
    for directory in (start.absolute(), *start.absolute().parents):
        if (directory / "pyproject.toml").is_file() and (directory / "localcloud").is_dir():
            return directory
    return Path(__file__).parents[2]
