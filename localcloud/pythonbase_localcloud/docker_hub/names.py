"""Names and addresses of the stand-in for Docker Hub and other registries."""

from __future__ import annotations

API_HOST = "registry-1.docker.io"
"""The host of Docker Hub's registry API; whether it is reached decides whether there is a stand-in."""

AUTH_HOST = "auth.docker.io"
HOSTS = (API_HOST, AUTH_HOST, "index.docker.io", "docker.io", "registry.hub.docker.com")
"""Names that mean the stand-in inside the box, and nowhere else."""

ECR_PUBLIC_HOST = "public.ecr.aws"
"""ECR Public, whose limit the stand-in knows too."""

ADDRESS = "127.0.0.3"
"""Where the limiter listens inside the box, on port 443."""

REGISTRY_ADDRESS = "127.0.0.3"
REGISTRY_PORT = 5000
"""Where the registry behind it listens inside the box."""

SERVICE = "registry.docker.io"
"""What Docker Hub calls itself when it asks for a token."""

USER = "localcloud"
PASSWORD = "local"  # noqa: S105  the one account of a stand-in that only the box can reach
"""The account that the stand-in has from the start; `docker login --username localcloud --password local`."""

VARIABLE = "LOCALCLOUD_DOCKER_HUB_"
"""What the names of the server's environment variables begin with."""

SOCKET = "docker-hub.sock"
"""The control socket, in the instance's directory of sockets."""
