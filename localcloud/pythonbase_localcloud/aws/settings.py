"""What the launcher tells the AWS server, and what the server tells MiniStack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

#: The account that requests without a 12-digit access key id belong to.
DEFAULT_ACCOUNT = "000000000000"


class SettingsError(Exception):
    """The environment of the AWS server is incomplete or wrong."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The contract with the launcher (environment variables ``LOCALCLOUD_*``)."""

    home: Path
    """Instance directory; this server writes to ``aws/`` in it only."""
    port: int
    """Gateway port, the same inside and outside the box."""
    listen_fd: int | None
    """Listening socket of the host side, inherited; absent in tests inside the box."""
    tls_cert: Path
    tls_key: Path
    ca_bundle: Path
    """The machine's CA bundle plus our CA, for everything that calls the gateway."""
    bitbucket: Path
    """Directory with bare repositories ``<workspace>/<repository>.git``."""
    build_image: str
    """Image that stands in for every CodeBuild image."""
    build_ca: Path | None
    """CA bundle for builds behind a network that intercepts TLS."""
    time_scale: float
    """Factor for health check waits and similar delays."""
    docker_host: str
    region: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read the contract; raise `SettingsError` naming every missing variable at once."""
        needed = ("HOME", "PORT", "TLS_CERT", "TLS_KEY", "CA_BUNDLE", "BITBUCKET", "BUILD_IMAGE")
        missing = [f"LOCALCLOUD_{name}" for name in needed if not environment.get(f"LOCALCLOUD_{name}")]
        missing += [name for name in ("DOCKER_HOST",) if not environment.get(name)]
        if missing:
            raise SettingsError(f"the AWS server needs these environment variables: {', '.join(missing)}")
        build_ca = environment.get("LOCALCLOUD_BUILD_CA", "")
        listen_fd = environment.get("LOCALCLOUD_LISTEN_FD", "")
        return cls(
            home=Path(environment["LOCALCLOUD_HOME"]).resolve(),
            port=int(environment["LOCALCLOUD_PORT"]),
            listen_fd=int(listen_fd) if listen_fd else None,
            tls_cert=Path(environment["LOCALCLOUD_TLS_CERT"]),
            tls_key=Path(environment["LOCALCLOUD_TLS_KEY"]),
            ca_bundle=Path(environment["LOCALCLOUD_CA_BUNDLE"]),
            bitbucket=Path(environment["LOCALCLOUD_BITBUCKET"]),
            build_image=environment["LOCALCLOUD_BUILD_IMAGE"],
            build_ca=Path(build_ca) if build_ca else None,
            time_scale=float(environment.get("LOCALCLOUD_TIME_SCALE", "0.1")),
            docker_host=environment["DOCKER_HOST"],
            region=environment.get("MINISTACK_REGION") or environment.get("AWS_DEFAULT_REGION") or "eu-west-1",
        )

    @property
    def endpoint(self) -> str:
        """Where every client, also this server's own, reaches the gateway."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def state(self) -> Path:
        """Directory of this server's state."""
        return self.home / "aws"

    def prepare(self) -> None:
        """Create the directories that this server writes to."""
        for name in ("state", "s3", "tmp", "builds", "registry"):
            (self.state / name).mkdir(parents=True, exist_ok=True)
        self.bitbucket.mkdir(parents=True, exist_ok=True)

    def ministack_environment(self) -> dict[str, str]:
        """Variables that MiniStack reads at import; AUTH must be among them or nothing is enforced."""
        return {
            "AUTH": "true",
            "USE_SSL": "1",
            "MINISTACK_SSL_CERT": str(self.tls_cert),
            "MINISTACK_SSL_KEY": str(self.tls_key),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "AWS_CA_BUNDLE": str(self.ca_bundle),
            "NODE_EXTRA_CA_CERTS": str(self.ca_bundle),
            "REQUESTS_CA_BUNDLE": str(self.ca_bundle),
            "SSL_CERT_FILE": str(self.ca_bundle),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.endpoint,
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self.state / "state"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(self.state / "s3"),
            "TMPDIR": str(self.state / "tmp"),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            # AWS managed policies (ECS, Lambda, CodePipeline) are made when a role names them.
            "MINISTACK_AUTOCREATE_AWS_MANAGED": "1",
            # A pull says nothing while a layer is unpacked; MiniStack's default of 10 s would end it.
            "MINISTACK_DOCKER_TIMEOUT": "180",
            # Step Functions' Wait and Retry run in local time, like health checks (step_functions.py keeps the total).
            "SFN_WAIT_SCALE": str(self.time_scale),
        }
