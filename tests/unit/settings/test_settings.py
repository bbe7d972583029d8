"""`platform.yaml`: what it may say, its defaults, and how its mistakes are reported."""

import random
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from pydantic import ValidationError

from pythonbase_settings import (
    AccountAndRegion,
    BaseImage,
    Bitbucket,
    LoadBalancer,
    Network,
    Service,
    Settings,
    SettingsError,
    check_together,
    image_folder,
    load_settings,
    stack_name,
)
from pythonbase_settings.fargate import FARGATE_MEMORY, fargate_memory

REPOSITORY = Path(__file__).resolve().parents[3]

Write = Callable[[str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes platform.yaml into an empty working directory with the folder of the default base image."""
    folder = tmp_path / "images" / "pythonbase"
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM scratch\n")
    monkeypatch.chdir(tmp_path)

    def write_file(content: str | bytes) -> Path:
        data = content if isinstance(content, bytes) else dedent(content).encode()
        Path("platform.yaml").write_bytes(data)
        return Path("platform.yaml")

    return write_file


def message(path: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    return str(caught.value)


SERVICE = """\
services:
  - name: orders
    repository: acme/orders
"""

VPC = """\
network:
  vpc:
    id: vpc-0123456789abcdef0
    availability_zones: [eu-central-1a, eu-central-1b]
    private_subnet_ids: [subnet-00000001, subnet-00000002]
"""


# Good files


def test_service_needs_three_lines(write: Write) -> None:
    settings = load_settings(write("services:\n  - name: orders\n    repository: acme/orders\n    port: 8080\n"))
    assert settings == Settings(
        environment=AccountAndRegion(account=None, region=None),
        bitbucket=Bitbucket(connection_arn=None, connection_name="pythonbase"),
        network=Network(nat_gateways=0, vpc=None, max_azs=2),
        base_images=[
            BaseImage(
                name="pythonbase",
                path="images/pythonbase",
                upstream="public.ecr.aws/docker/library/python:3.13-slim",
                refresh="rate(1 day)",
                stands_in_for=["python:3.13", "python:3.13-slim"],
            )
        ],
        services=[
            Service(
                name="orders",
                repository="acme/orders",
                branch="main",
                dockerfile="Dockerfile",
                base_image="pythonbase",
                port=8080,
                health_check_path="/",
                cpu=256,
                memory=512,
                desired_count=1,
                max_count=2,
                environment={},
                secrets={},
                load_balancer=LoadBalancer.PUBLIC,
            )
        ],
    )


def test_full_file_is_read_as_written(write: Write) -> None:
    Path("docker").mkdir()
    Path("docker/Dockerfile").write_text("FROM scratch\n")
    settings = load_settings(
        write("""\
        environment: {account: "012345678901", region: eu-central-1}
        bitbucket:
          connection_arn: arn:aws:codestar-connections:eu-central-1:012345678901:connection/0f5b0f4e-1111-2222
          connection_name: ours
        network:
          vpc:
            id: vpc-0123456789abcdef0
            cidr_block: 10.1.0.0/16
            availability_zones: [eu-central-1a, eu-central-1b]
            private_subnet_ids: [subnet-00000001, subnet-00000002]
            public_subnet_ids: [subnet-00000003, subnet-00000004]
        base_images:
          - name: pythonbase
          - name: python-slim
            path: docker
            upstream: registry.example.com:5000/team/python:3.12
            refresh: cron(0 3 ? * MON-FRI *)
            stands_in_for: [docker.io/library/python:3.12]
        services:
          - name: orders-api
            repository: acme/orders.api
            branch: release/1.2
            dockerfile: docker/Dockerfile
            base_image: python-slim
            port: 9000
            health_check_path: /health?deep=1
            cpu: 512
            memory: 2048
            desired_count: 3
            max_count: 9
            environment: {LOG_LEVEL: info, TOKEN_URL: "https://login.example.com", EMPTY: ""}
            secrets:
              DB_PASSWORD: orders/db-password
              API_KEY: arn:aws:secretsmanager:eu-central-1:012345678901:secret:orders/api-key-AbCdEf
            load_balancer: internal
        """)
    )
    service = settings.services[0]
    assert settings.environment.account == "012345678901"
    assert settings.network.vpc is not None
    assert settings.network.vpc.public_subnet_ids == ["subnet-00000003", "subnet-00000004"]
    assert [image.path for image in settings.base_images] == ["images/pythonbase", "docker"]
    assert (service.base_image, service.memory, service.max_count) == ("python-slim", 2048, 9)
    assert service.load_balancer is LoadBalancer.INTERNAL
    assert service.environment["EMPTY"] == ""
    assert list(service.secrets) == ["DB_PASSWORD", "API_KEY"]


def test_the_projects_own_file_is_good() -> None:
    settings = load_settings(REPOSITORY / "platform.yaml")
    assert [image.name for image in settings.base_images] == ["pythonbase"]
    assert [(service.name, service.repository, service.port) for service in settings.services] == [
        ("hello", "acme/hello", 8080)
    ]


def test_base_image_left_out_is_the_first_one(write: Write) -> None:
    path = write("base_images:\n  - name: slim\n    path: images/pythonbase\n" + SERVICE)
    assert load_settings(path).services[0].base_image == "slim"


def test_max_count_left_out_follows_desired_count(write: Write) -> None:
    assert load_settings(write(SERVICE + "    desired_count: 5\n")).services[0].max_count == 5


def test_anchors_and_merge_keys_work_and_own_keys_win(write: Write) -> None:
    settings = load_settings(
        write("""\
        services:
          - &defaults
            name: orders
            repository: acme/orders
            environment: &variables {LOG_LEVEL: info}
          - <<: *defaults
            name: invoices
          - name: mails
            repository: acme/mails
            environment: *variables
        """)
    )
    assert [(item.name, item.repository) for item in settings.services] == [
        ("orders", "acme/orders"),
        ("invoices", "acme/orders"),
        ("mails", "acme/mails"),
    ]
    assert settings.services[2].environment == {"LOG_LEVEL": "info"}


def test_default_image_folder_is_found_in_the_application_for_a_file_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "other.yaml"
    path.write_text(SERVICE)
    image = load_settings(path).base_images[0]
    assert image_folder(image, settings_file=path) == REPOSITORY / "images" / "pythonbase"


def test_image_folder_beside_the_file_comes_first(write: Write) -> None:
    path = write(SERVICE)
    image = load_settings(path).base_images[0]
    assert image_folder(image, settings_file=path) == Path.cwd() / "images" / "pythonbase"


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        AccountAndRegion().region = "eu-central-1"  # type: ignore[misc]


def test_settings_made_in_python_can_be_checked_too() -> None:
    service = Service(name="orders", repository="acme/orders", cpu=512)
    assert [finding.fix for finding in check_together(Settings(services=[service]))] == [
        "use memory: 1024, 2048, 3072 or 4096"
    ]


@pytest.mark.parametrize(
    ("name", "expected"), [("orders", "Orders"), ("orders-api", "OrdersApi"), ("v2-a1", "V2A1"), ("x9", "X9")]
)
def test_stack_name_joins_the_words(name: str, expected: str) -> None:
    assert stack_name(name) == expected


@pytest.mark.parametrize("cpu", FARGATE_MEMORY)
def test_every_size_that_fargate_offers_is_accepted(cpu: int) -> None:
    for memory in fargate_memory(cpu):
        service = Service(name="orders", repository="acme/orders", cpu=cpu, memory=memory)
        assert check_together(Settings(services=[service])) == []


@pytest.mark.parametrize(
    "region", ["us-gov-west-1", "us-isob-east-1", "eusc-de-east-1", "ap-southeast-7", "cn-north-1"]
)
def test_regions_of_every_partition_are_accepted(region: str) -> None:
    assert AccountAndRegion(region=region).region == region


@pytest.mark.parametrize(
    "refresh",
    ["rate(60 minutes)", "rate(1 hour)", "rate(7 days)", "cron(15 10 L * ? *)", "cron(0 */6 * * ? 2026-2030)",
     "cron(0 8 ? * 2#1 *)", "cron(0 0,12 1W JAN-JUN/2 ? *)"],
)  # fmt: skip
def test_schedules_of_at_least_an_hour_are_accepted(refresh: str) -> None:
    assert BaseImage(name="pythonbase", refresh=refresh).refresh == refresh


@pytest.mark.parametrize("name", ["TOKEN_URL", "MAX_TOKENS", "PASSWORD_MIN_LENGTH", "KEYBOARD", "SECRETARY", "MONKEY"])
def test_names_that_only_resemble_secrets_are_accepted(name: str) -> None:
    service = Service(name="orders", repository="acme/orders", environment={name: "x"})
    assert check_together(Settings(services=[service])) == []


# Bad values: one mistake, one line


def in_service(line: str) -> str:
    return f"{SERVICE}    {line}\n"


def in_base_image(line: str) -> str:
    return f"base_images:\n  - name: pythonbase\n    {line}\n"


BAD_FILES: dict[str, tuple[str, str]] = {
    # environment
    "account is a number": (
        "environment:\n  account: 123456789012\n",
        '2: environment.account: got 123456789012; quote it: "123456789012"',
    ),
    "account is an octal number": (
        "environment:\n  account: 012345670123\n",
        '2: environment.account: got 012345670123; quote it: "012345670123"',
    ),
    "account is a number in YAML 1.2 only": (
        "environment:\n  account: 012345678901\n",
        '2: environment.account: got 012345678901; quote it: "012345678901"',
    ),
    "account too short": (
        'environment:\n  account: "12345"\n',
        '2: environment.account: got "12345"; use the 12 digits of the account in quotes: "123456789012"',
    ),
    "region misspelt": (
        "environment:\n\n  region: eu-wset-1\n",
        '3: environment.region: got "eu-wset-1"; use an AWS Region such as eu-central-1',
    ),
    # bitbucket
    "connection ARN of another service": (
        "bitbucket:\n  connection_arn: arn:aws:s3:::bucket\n",
        '2: bitbucket.connection_arn: got "arn:aws:s3:::bucket"; '
        "use arn:aws:codeconnections:<region>:<account>:connection/<id>, as the console shows it",
    ),
    "connection in another Region": (
        "environment: {region: eu-central-1}\n"
        "bitbucket:\n  connection_arn: arn:aws:codeconnections:us-east-1:123456789012:connection/abc\n",
        '3: bitbucket.connection_arn: got "arn:aws:codeconnections:us-east-1:123456789012:connection/abc"; '
        "use a connection in eu-central-1, the Region of environment.region",
    ),
    "connection name too long": (
        f"bitbucket:\n  connection_name: {'x' * 33}\n",
        f'2: bitbucket.connection_name: got "{"x" * 33}"; use at most 32 letters, digits, hyphens and underscores',
    ),
    # network
    "too many NAT gateways": (
        "network:\n  nat_gateways: 4\n",
        "2: network.nat_gateways: got 4; use 0 to 3; 0 is VPC endpoints only",
    ),
    "more NAT gateways than zones": (
        "network:\n  nat_gateways: 3\n",
        "2: network.nat_gateways: got 3; use at most 2, one for each availability zone, or raise max_azs",
    ),
    "NAT gateways in an existing VPC": (
        VPC + "  nat_gateways: 1\n",
        "6: network.nat_gateways: got 1; remove it: it is for a new VPC, and network.vpc names an existing one",
    ),
    "subnets missing": (
        "network:\n  vpc:\n    id: vpc-00000001\n    availability_zones: [eu-central-1a]\n",
        "2: network.vpc.private_subnet_ids: got nothing; add it, such as "
        '"private_subnet_ids: [subnet-0123456789abcdef0, subnet-0123456789abcdef1]"',
    ),
    "fewer subnets than zones": (
        "network:\n  vpc:\n    id: vpc-00000001\n    availability_zones: [eu-central-1a, eu-central-1b]\n"
        "    private_subnet_ids:\n      - subnet-00000001\n",
        "5: network.vpc.private_subnet_ids: got 1 of 2; "
        "list one subnet for each of the 2 availability_zones, in their order",
    ),
    "same subnet twice": (
        "network:\n  vpc:\n    id: vpc-00000001\n    availability_zones: [eu-central-1a, eu-central-1b]\n"
        "    private_subnet_ids:\n      - subnet-00000001\n      - subnet-00000001\n",
        '7: network.vpc.private_subnet_ids[1]: got "subnet-00000001"; '
        "remove it: network.vpc.private_subnet_ids[0] is the same",
    ),
    "zone of another Region": (
        "environment: {region: us-east-1}\nnetwork:\n  vpc:\n    id: vpc-00000001\n"
        "    availability_zones: [eu-central-1a]\n    private_subnet_ids: [subnet-00000001]\n",
        '5: network.vpc.availability_zones[0]: got "eu-central-1a"; '
        "use an availability zone of us-east-1, the Region of environment.region",
    ),
    "public load balancer by default without public subnets": (
        VPC + SERVICE,
        "7: services[0].name: got load_balancer public by default; use load_balancer: internal, or list at least 2 "
        "subnets in network.vpc.public_subnet_ids: a load balancer needs 2 availability zones",
    ),
    "public load balancer without public subnets": (
        VPC + in_service("load_balancer: public"),
        '9: services[0].load_balancer: got "public"; use internal, or list at least 2 '
        "subnets in network.vpc.public_subnet_ids: a load balancer needs 2 availability zones",
    ),
    "internal load balancer without the VPC's range": (
        VPC + in_service("load_balancer: internal"),
        '2: network.vpc.cidr_block: got nothing; add it, such as "cidr_block: 10.0.0.0/16": '
        "services[0] has an internal load balancer",
    ),
    "VPC's range with an address inside it": (
        VPC + "    cidr_block: 10.0.0.1/16\n",
        '6: network.vpc.cidr_block: got "10.0.0.1/16"; '
        "use 10.0.0.0/16: the address of the range comes before the slash",
    ),
    # base images
    "no base image": ("base_images: []\n", "1: base_images: got an empty list; list at least one, or remove the line"),
    "base image name in capitals": (
        "base_images:\n  - name: Python\n    path: images/pythonbase\n",
        '2: base_images[0].name: got "Python"; use 2 to 40 lower-case letters, digits and single hyphens, '
        "starting with a letter, such as orders-api",
    ),
    "base image twice": (
        "base_images:\n  - name: pythonbase\n  - name: pythonbase\n",
        '3: base_images[1].name: got "pythonbase"; use another name: base_images[0].name is the same, '
        "and both need an ECR repository and a stack",
    ),
    "folder missing": (
        in_base_image("path: images/nowhere"),
        '3: base_images[0].path: got "images/nowhere"; '
        "there is no such folder beside platform.yaml; create it with a Dockerfile, or set path",
    ),
    "default folder missing": (
        "base_images:\n  - name: slim\n",
        '2: base_images[0].name: got "images/slim"; '
        "there is no such folder beside platform.yaml; create it with a Dockerfile, or set path",
    ),
    "folder without a Dockerfile": (
        in_base_image("path: images"),
        '3: base_images[0].path: got "images"; the folder has no file called Dockerfile; add one',
    ),
    "upstream on Docker Hub": (
        in_base_image("upstream: python:3.13"),
        '3: base_images[0].upstream: got "python:3.13"; that is Docker Hub, whose pulls are limited: '
        "use public.ecr.aws/docker/library/python:3.13, or add upstream_credentials",
    ),
    "upstream on Docker Hub that is no official image": (
        in_base_image("upstream: docker.io/bitnami/python:3.13"),
        '3: base_images[0].upstream: got "docker.io/bitnami/python:3.13"; that is Docker Hub, whose pulls are limited: '
        "add upstream_credentials",
    ),
    "credentials that are a token": (
        in_base_image("upstream_credentials: dckr_pat_AbCdEfGh1234567890xyZ"),
        '3: base_images[0].upstream_credentials: got a value that is not shown here; '
        "use the name or ARN of a Secrets Manager secret, not its value",
    ),
    "official images from nowhere": (
        "docker_hub:\n  official_images: allow\n" + SERVICE,
        '2: docker_hub.official_images: got "allow"; use deny, ecr-public or pull-through-cache',
    ),
    "other images from ECR Public": (
        "docker_hub:\n  official_images: ecr-public\n  other_images: ecr-public\n" + SERVICE,
        '3: docker_hub.other_images: got "ecr-public"; '
        "use deny or pull-through-cache: ECR Public has the Docker Official Images only",
    ),
    "only other images from the cache": (
        "docker_hub:\n  official_images: deny\n  other_images: pull-through-cache\n" + SERVICE,
        '3: docker_hub.other_images: got "pull-through-cache"; '
        "set official_images to ecr-public or pull-through-cache too: the cache has them as well",
    ),
    "prefix with a slash at its end": (
        "docker_hub:\n  pull_through_cache_prefix: hub/\n" + SERVICE,
        '2: docker_hub.pull_through_cache_prefix: got "hub/"; use the prefix of the cache\'s rule: '
        "2 to 30 lower-case letters, digits and ._-/, such as docker-hub",
    ),
    "wildcard in the name of a stand-in": (
        in_base_image('stands_in_for: ["py*:3.13"]'),
        '3: base_images[0].stands_in_for[0]: got "py*:3.13"; a * may stand in the tag only, such as py:3.13*',
    ),
    "refresh with a wrong plural": (
        in_base_image("refresh: rate(1 days)"),
        '3: base_images[0].refresh: got "rate(1 days)"; use rate(1 day): the unit is singular for 1 and plural above',
    ),
    "refresh too often": (
        in_base_image("refresh: rate(10 minutes)"),
        '3: base_images[0].refresh: got "rate(10 minutes)"; use at least 1 hour: rate(1 hour)',
    ),
    "refresh with a cron of 5 fields": (
        in_base_image('refresh: "cron(0 3 * * *)"'),
        '3: base_images[0].refresh: got "cron(0 3 * * *)"; use 6 fields, not 5: '
        "cron(0 3 * * ? *) is every day at 03:00 UTC",
    ),
    "refresh without ?": (
        in_base_image("refresh: cron(0 3 * * * *)"),
        '3: base_images[0].refresh: got "cron(0 3 * * * *)"; '
        "use ? for exactly one of day of month and day of week: cron(0 3 * * ? *)",
    ),
    "refresh at an hour that does not exist": (
        in_base_image("refresh: cron(0 24 * * ? *)"),
        '3: base_images[0].refresh: got "cron(0 24 * * ? *)"; use 0 to 23 for the hours; '
        "cron(0 3 * * ? *) is every day at 03:00 UTC",
    ),
    "refresh every minute by cron": (
        in_base_image('refresh: "cron(* 3 * * ? *)"'),
        '3: base_images[0].refresh: got "cron(* 3 * * ? *)"; '
        "use one number for the minutes, so that it runs at most once an hour: cron(0 3 * * ? *)",
    ),
    "stands in for another registry": (
        in_base_image("stands_in_for:\n      - python:3.13\n      - ghcr.io/acme/python:3.13"),
        '5: base_images[0].stands_in_for[1]: got "ghcr.io/acme/python:3.13"; '
        "use an image of Docker Hub without a registry, such as python:3.13",
    ),
    "stands in for something that is no image": (
        in_base_image('stands_in_for: ["rate(1 day)"]'),
        '3: base_images[0].stands_in_for[0]: got "rate(1 day)"; '
        "use an image of Docker Hub without a registry, such as python:3.13",
    ),
    "stands in for the same twice": (
        in_base_image("stands_in_for:\n      - python:3.13\n      - docker.io/library/python:3.13"),
        '5: base_images[0].stands_in_for[1]: got "docker.io/library/python:3.13"; '
        "remove it: base_images[0].stands_in_for[0] is the same",
    ),
    # services
    "repository missing": (
        "services:\n\n  - name: orders\n    port: 8080\n",
        '3: services[0].repository: got nothing; add it, such as "repository: acme/orders"',
    ),
    "repository is a URL": (
        "services:\n  - name: orders\n    repository: git@bitbucket.org:acme/orders.git\n",
        '3: services[0].repository: got "git@bitbucket.org:acme/orders.git"; use workspace/repository: acme/orders',
    ),
    "service name ends in a hyphen": (
        "services:\n  - repository: acme/orders\n    name: orders-\n",
        '3: services[0].name: got "orders-"; use 2 to 40 lower-case letters, digits and single hyphens, '
        "starting with a letter, such as orders-api",
    ),
    "service twice": (
        SERVICE + "  - repository: acme/orders\n    name: orders\n",
        '5: services[1].name: got "orders"; use another name: services[0].name is the same, '
        "and both need an ECR repository and a stack",
    ),
    "service called like a base image": (
        "services:\n  - name: pythonbase\n    repository: acme/orders\n",
        '2: services[0].name: got "pythonbase"; use another name: base_images[0].name is the same, '
        "and both need an ECR repository and a stack",
    ),
    "service called like a stack of ours": (
        "services:\n  - name: network\n    repository: acme/orders\n",
        '2: services[0].name: got "network"; use another name: '
        "its stack would be called Network like the application's own stack Network",
    ),
    "service called like another's state": (
        SERVICE + "  - name: orders-state\n    repository: acme/orders\n",
        '4: services[1].name: got "orders-state"; use another name: '
        "its stack would be called OrdersState like that of services[0].name",
    ),
    "names that give one stack": (
        "services:\n  - name: orders-1\n    repository: acme/a\n  - name: orders1\n    repository: acme/b\n",
        '4: services[1].name: got "orders1"; use another name: '
        "its stack would be called Orders1 like that of services[0].name",
    ),
    "unknown key": (in_service("prot: 80"), "4: services[0].prot: got an unknown key; did you mean port?"),
    "unknown key at the top": (
        "zzz: 1\n" + SERVICE,
        "1: zzz: got an unknown key; "
        "remove it, or use one of environment, environments, prefix, bitbucket, network, docker_hub, "
        "notifications, base_images, services",
    ),
    "port too high": (in_service("port: 99999"), "4: services[0].port: got 99999; use a port from 1 to 65535"),
    "port is a text": (in_service('port: "8080"'), '4: services[0].port: got "8080"; remove the quotes: 8080'),
    "port is a truth value": (in_service("port: yes"), "4: services[0].port: got yes; use a port from 1 to 65535"),
    "port is a fraction": (in_service("port: 80.5"), "4: services[0].port: got 80.5; use a port from 1 to 65535"),
    "port without a value": (
        in_service("port:"),
        "4: services[0].port: got nothing; give it a value, or remove the line",
    ),
    "branch that Git refuses": (
        in_service("branch: feature..x"),
        '4: services[0].branch: got "feature..x"; '
        "use the name of one branch that Git allows, such as main or release/1.2",
    ),
    "branch with refs/heads": (
        in_service("branch: refs/heads/main"),
        '4: services[0].branch: got "refs/heads/main"; leave refs/heads/ out: main',
    ),
    "branch that YAML reads as a number": (
        in_service("branch: 1.0"),
        '4: services[0].branch: got 1.0; quote it: "1.0"',
    ),
    "Dockerfile outside the repository": (
        in_service("dockerfile: ../Dockerfile"),
        '4: services[0].dockerfile: got "../Dockerfile"; '
        "use a path inside the repository, without a leading / and .., such as docker/Dockerfile",
    ),
    "unknown base image": (
        in_service("base_image: nope"),
        '4: services[0].base_image: got "nope"; use one of base_images: pythonbase',
    ),
    "health check is a URL": (
        in_service("health_check_path: http://x/health"),
        '4: services[0].health_check_path: got "http://x/health"; '
        "use a path that starts with / and has no spaces, such as /health",
    ),
    "cpu that Fargate has not": (
        in_service("cpu: 300"),
        "4: services[0].cpu: got 300; use one of Fargate's sizes: 256, 512, 1024, 2048, 4096, 8192, 16384",
    ),
    "memory that Fargate has not for the cpu": (
        in_service("memory: 4096"),
        "4: services[0].memory: got 4096 for cpu 256; use 512, 1024 or 2048",
    ),
    "cpu without its memory": (
        in_service("cpu: 1024"),
        "4: services[0].cpu: got 1024 with the default memory of 512; use memory: 2048 to 8192 in steps of 1024",
    ),
    "fewer at most than at least": (
        in_service("max_count: 1\n    desired_count: 3"),
        "4: services[0].max_count: got 1; use at least desired_count, which is 3",
    ),
    "load balancer switched off by no": (
        in_service("load_balancer: no"),
        "4: services[0].load_balancer: got no; use public, internal or none",
    ),
    "variable is a number": (
        in_service("environment:\n      WORKERS: 4"),
        '5: services[0].environment.WORKERS: got 4; quote it: "4"',
    ),
    "variable is a truth value": (
        in_service("environment:\n      DEBUG: on"),
        '5: services[0].environment.DEBUG: got on; quote it: "on"',
    ),
    "variable is a time": (
        in_service("environment:\n      AT: 12:30:00"),
        '5: services[0].environment.AT: got 12:30:00; quote it: "12:30:00"',
    ),
    "variable with an impossible name": (
        in_service("environment:\n      LOG-LEVEL: info"),
        '5: services[0].environment.LOG-LEVEL: got the name "LOG-LEVEL"; '
        "use letters, digits and underscores, not starting with a digit",
    ),
    "variable name that YAML reads as a truth value": (
        in_service("environment:\n      NO: x"),
        '5: services[0].environment.NO: got the key NO; quote it: "NO"',
    ),
    "variable HEALTH_CHECK_PATH": (
        in_service("environment:\n      HEALTH_CHECK_PATH: /health"),
        '5: services[0].environment.HEALTH_CHECK_PATH: got the reserved name "HEALTH_CHECK_PATH"; '
        "set health_check_path instead",
    ),
    "variable PORT": (
        in_service("environment:\n      PORT: '80'"),
        '5: services[0].environment.PORT: got the reserved name "PORT"; set port instead',
    ),
    "variable of AWS": (
        in_service("secrets:\n      AWS_REGION: a/b"),
        '5: services[0].secrets.AWS_REGION: got the reserved name "AWS_REGION"; '
        "remove it: AWS sets the variables AWS_*",
    ),
    "variable and secret of one name": (
        in_service("environment:\n      MODE: a\n    secrets:\n      MODE: a/b"),
        '7: services[0].secrets.MODE: got "MODE" in both; remove it from one of environment and secrets',
    ),
    "secret in a variable": (
        in_service("environment:\n      DB_PASSWORD: hunter2"),
        "5: services[0].environment.DB_PASSWORD: got a value that is not shown here; "
        "its name says that it is a secret: keep it in Secrets Manager, "
        "and set DB_PASSWORD under secrets to the secret's name or ARN",
    ),
    "login in a variable": (
        in_service("environment:\n      DATABASE: postgres://me:hunter2@db/orders"),
        "5: services[0].environment.DATABASE: got a value that is not shown here; it has a password in it: "
        "keep it in Secrets Manager, and set DATABASE under secrets to the secret's name or ARN",
    ),
    "secret's value instead of its name": (
        in_service("secrets:\n      API: ghp_hunter2"),
        "5: services[0].secrets.API: got a value that is not shown here; "
        "use the name or ARN of a Secrets Manager secret, not its value",
    ),
    "secret ARN of another service": (
        in_service("secrets:\n      API: arn:aws:ssm:eu-central-1:123456789012:parameter/hunter2"),
        "5: services[0].secrets.API: got a value that is not shown here; "
        "use the whole arn:aws:secretsmanager:<region>:<account>:secret:<name>-<6 characters>, or the name",
    ),
    "services is a mapping": (
        "services:\n  orders:\n    repository: acme/orders\n",
        '1: services: got a mapping; use a list: start each entry with "- "',
    ),
    "network is a list": (
        "network:\n  - a\n",
        "1: network: got a list; use a mapping with the keys nat_gateways, max_azs, availability_zones, vpc",
    ),
    "environment is a text": (
        in_service("environment: DB_PASSWORD=hunter2"),
        '4: services[0].environment: got a value that is not shown here; use NAME: "value" lines below it',
    ),
    # YAML
    "key twice": (
        in_service("port: 1\n    branch: main\n    port: 2"),
        "6: services[0].port: got a key that is there twice; remove one: it is already on line 4",
    ),
    "tab": (
        "services:\n\t- name: orders\n",
        "2: got invalid YAML (found character '\\t' that cannot start any token); use spaces instead of the tab",
    ),
    "colon in a value": (
        in_service("branch: a: b"),
        "4: got invalid YAML (mapping values are not allowed here); "
        "check the indentation, and put quotes around a value that contains a colon",
    ),
    "second document": (
        SERVICE + "---\nservices: []\n",
        "4: got invalid YAML (but found another document); keep one document: remove the --- line and what follows",
    ),
    "unknown alias": (
        "services: *nope\n",
        "1: got invalid YAML (found undefined alias 'nope'); define it above with &, or put quotes around the value",
    ),
    "tag": ("environment:\n  region: !Ref Region\n", "2: environment.region: got the YAML tag !Ref; remove the tag"),
    "anchor in itself": (
        "services: &a\n  - *a\n",
        "1: services[0]: got an anchor that contains itself; remove the alias",
    ),
    "deep nesting": (
        "services: " + "[" * 5000,
        "1: got invalid YAML (more than 30 levels of nesting); write the settings as docs/platform.md shows",
    ),
    "list at the top": ("- name: orders\n", '1: got a list; write settings as "key: value" lines, such as "services:"'),
    "text at the top": ("hello\n", '1: got "hello"; write settings as "key: value" lines, such as "services:"'),
    "empty": ("", '1: got an empty file; write settings, such as "services:"'),
    "comments only": ("# nothing\n", '1: got a file without settings; write settings, such as "services:"'),
    "environment twice": (
        SERVICE + "    environments:\n      - name: staging\n      - name: staging\n",
        '6: services[0].environments[1].name: got "staging"; use another name: services[0].environments[0].name is the '
        "same, and both need an ECS service and a stack",
    ),
    "environment called like another service": (
        SERVICE + "    environments: [{name: staging}]\n  - name: orders-staging\n    repository: acme/other\n",
        '4: services[0].environments[0].name: got "staging"; use another name: services[1].name is the same, '
        "and both need an ECS service and a stack",
    ),
    "environment with a capital": (
        SERVICE + "    environments: [{name: Staging}]\n",
        '4: services[0].environments[0].name: got "Staging"; use 2 to 20 lower-case letters, digits and single '
        'hyphens, '
        "starting with a letter, such as staging",
    ),
    "environment with an unknown key": (
        SERVICE + "    environments:\n      - name: staging\n        aproval: true\n",
        "6: services[0].environments[0].aproval: got an unknown key; did you mean approval?",
    ),
    "memory that Fargate does not offer in an environment": (
        SERVICE + "    environments:\n      - name: staging\n        cpu: 512\n",
        "6: services[0].environments[0].cpu: got 512 for cpu 512; use memory: 1024, 2048, 3072 or 4096",
    ),
    "fewer at most than at least in an environment": (
        SERVICE + "    desired_count: 3\n    environments:\n      - name: staging\n        max_count: 2\n",
        "7: services[0].environments[0].max_count: got 2; use at least desired_count, which is 3",
    ),
    "secret in the variables of an environment": (
        SERVICE + "    environments:\n      - name: staging\n        environment: {DB_PASSWORD: hunter2}\n",
        "6: services[0].environments[0].environment.DB_PASSWORD: got a value that is not shown here; its name "
        "says that "
        "it is a secret: keep it in Secrets Manager, and set DB_PASSWORD under secrets to the secret's name or ARN",
    ),
    "account of an environment without the pipeline's": (
        'environments:\n  - name: production\n    account: "210987654321"\n' + SERVICE,
        '3: environments[0].account: got "210987654321"; set environment.account too: whether this is another '
        'place must '
        "not depend on who deploys",
    ),
    "another Region without a way to the image": (
        'environment: {account: "123456789012", region: eu-central-1}\nenvironments:\n  - name: us\n'
        "    region: us-east-1\n" + SERVICE,
        '4: environments[0].region: got "us-east-1"; add a network with nat_gateways or an existing VPC here: '
        'containers '
        "pull their image from eu-central-1, which VPC endpoints do not reach",
    ),
    "more NAT gateways than zones in an environment's network": (
        "environments:\n  - name: production\n    network: {nat_gateways: 3}\n" + SERVICE,
        "3: environments[0].network.nat_gateways: got 3; use at most 2, one for each availability zone, or raise "
        "max_azs",
    ),
    "names too long for a role in another account": (
        'environment: {account: "123456789012", region: eu-central-1}\n'
        'environments: [{name: quality-assurance-eu, account: "210987654321"}]\nservices:\n'
        "  - name: orders-and-everything-that-goes-with-it\n    repository: acme/orders\n"
        "    environments: [{name: quality-assurance-eu}]\n",
        '6: services[0].environments[0].name: got "quality-assurance-eu"; use shorter names: the role '
        "orders-and-everything-that-goes-with-it-quality-assurance-eu-starter there may have 64 characters",
    ),
    "approval timeout without approval": (
        SERVICE + "    environments:\n      - name: staging\n        approval_timeout: 60\n",
        "6: services[0].environments[0].approval_timeout: got 60; add approval: true, or remove it",
    ),
    "approval that is a word": (
        SERVICE + "    environments:\n      - {name: staging, approval: yes}\n",
        "5: services[0].environments[0].approval: got yes; use true or false, without quotes",
    ),
    "approval timeout of a minute": (
        SERVICE + "    environments:\n      - {name: staging, approval: true, approval_timeout: 1}\n",
        "5: services[0].environments[0].approval_timeout: got 1; use 5 to 86400 minutes",
    ),
    "execution mode": (
        SERVICE + "    execution_mode: parallel\n",
        '4: services[0].execution_mode: got "parallel"; use superseded or queued',
    ),
    "lone surrogate": (
        in_service(r'branch: "\ud800"'),
        '4: services[0].branch: got "\\ud800"; remove the half of a character, such as \\ud800',
    ),
    "impossible character": (
        'services: "\\UFFFFFFFF"\n',
        "1: got invalid YAML (an impossible character or number); remove it",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "expected"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_mistake_is_reported_with_line_value_and_fix(write: Write, content: str, expected: str) -> None:
    reported = message(write(content.encode()))
    assert reported == f"platform.yaml:{expected}"
    assert "hunter2" not in reported


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            b"services:\n  # gr\xfc\xdfe\n",
            "platform.yaml:2: got byte 0xfc, which is not UTF-8 text; save the file as UTF-8",
        ),
        (b"\xff\xfes\0", "platform.yaml:1: got byte 0xff, which is not UTF-8 text; save the file as UTF-8"),
        (b"services:\n\x00", "platform.yaml:2: got character U+0000, which YAML does not allow; remove it"),
        (b"#" * 1_000_001, "platform.yaml: got more than 1000000 bytes; name a settings file"),
    ],
    ids=["Latin-1", "UTF-16", "binary", "too large"],
)
def test_file_that_is_not_text_is_reported(write: Write, content: bytes, expected: str) -> None:
    assert message(write(content)) == expected


def test_byte_order_mark_is_no_mistake(write: Write) -> None:
    assert load_settings(write(b"\xef\xbb\xbf" + SERVICE.encode())).services[0].name == "orders"


def test_missing_file_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    expected = "other.yaml: got no such file; create it, or name another with: cdk <command> -c config=<file>"
    assert message(Path("other.yaml")) == expected


def test_directory_is_reported(tmp_path: Path) -> None:
    assert message(tmp_path) == f"{tmp_path}: got a directory; name the file in it, such as platform.yaml"


def test_file_below_the_working_directory_is_named_relative_to_it(write: Write) -> None:
    assert message(write("[]").absolute()).startswith("platform.yaml:1: ")


def test_file_elsewhere_is_named_as_given(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("[]")
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    assert message(Path("../platform.yaml")).startswith("../platform.yaml:1: ")


@pytest.mark.parametrize("name", ["a\0b", "a" * 300, "caf\udce9.yaml", "new\nline.yaml"])
def test_impossible_file_name_is_reported(name: str) -> None:
    reported = message(Path(name))
    assert len(reported.encode().splitlines()) == 1


def test_aliases_that_stand_for_billions_are_refused(write: Write) -> None:
    lines = ["l0: &l0 [a, a, a, a, a, a, a, a, a, a]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 20)]
    assert message(write("\n".join(lines))) == (
        "platform.yaml:1: got aliases that stand for too many values; write fewer than 200000 values"
    )


# Several mistakes


def test_all_mistakes_are_in_one_message_sorted_by_line(write: Write) -> None:
    path = write("""\
        services:
          - name: orders
            repository: acme/orders
            prot: 8081
            cpu: 1024
            memory: 512
            port: 1
            port: 2
            environment:
              DB_PASSWORD: hunter2
              DEBUG: yes
          - name: orders
            repository: orders
            desired_count: 3
            max_count: 2
            base_image: nope
        base_images:
          - name: pythonbase
            refresh: daily
            path: nowhere
        environment:
          region: europe
        """)
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    found = [(problem.line, problem.place) for problem in caught.value.problems]
    assert found == [
        (4, "services[0].prot"),
        (6, "services[0].memory"),
        (8, "services[0].port"),
        (10, "services[0].environment.DB_PASSWORD"),
        (11, "services[0].environment.DEBUG"),
        (12, "services[1].name"),
        (13, "services[1].repository"),
        (15, "services[1].max_count"),
        (16, "services[1].base_image"),
        (19, "base_images[0].refresh"),
        (20, "base_images[0].path"),
        (22, "environment.region"),
    ]
    assert str(caught.value).splitlines() == [str(problem) for problem in caught.value.problems]
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "places"),
    [
        # cpu is wrong: whether the memory fits it is unknown
        (in_service("cpu: 300\n    memory: 4096"), ["services[0].cpu"]),
        (in_service("cpu: 4096\n    memry: 8192"), ["services[0].memry"]),
        # the base image's name is wrong: whether the service means it is unknown
        ("base_images:\n  - name: Slim\n    path: images/pythonbase\n" + in_service("base_image: slim"),
         ["base_images[0].name"]),
        # the Region is wrong: whether the connection is in it is unknown
        ("environment: {region: x}\nbitbucket:\n"
         "  connection_arn: arn:aws:codeconnections:us-east-1:123456789012:connection/abc\n", ["environment.region"]),
        ("base_images: pythonbase\n" + in_service("base_image: slim"), ["base_images"]),
        # what an environment takes from the service is wrong, or what it sets beside it
        (in_service("cpu: 300\n    environments: [{name: staging, memory: 4096}]"), ["services[0].cpu"]),
        (in_service("environments: [{name: staging, cpu: 300, memory: 4096}]"), ["services[0].environments[0].cpu"]),
        (VPC + in_service("load_balancer: x\n    environments: [{name: staging}]"), ["services[0].load_balancer"]),
        (in_service("deployment: {strategy: blue-green}\n    environments: [{name: staging, load_balancer: x}]"),
         ["services[0].environments[0].load_balancer"]),
    ],
)  # fmt: skip
def test_nothing_is_concluded_from_a_wrong_value(write: Write, content: str, places: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(write(content.encode()))
    assert [problem.place for problem in caught.value.problems] == places


def test_mistake_in_an_anchor_is_reported_where_it_stands(write: Write) -> None:
    path = write("""\
        services:
          - &defaults
            name: orders
            repository: acme/orders
            port: 0
          - <<: *defaults
            name: invoices
        """)
    assert message(path).splitlines() == [
        "platform.yaml:5: services[0].port: got 0; use a port from 1 to 65535",
        "platform.yaml:5: services[1].port: got 0; use a port from 1 to 65535",
    ]


@pytest.mark.parametrize("value", ["12345678", "yes", "2024-01-01", "[hunter2]"])
def test_secret_of_the_wrong_type_is_not_shown(write: Write, value: str) -> None:
    for section in ("environment", "secrets"):
        reported = message(write(in_service(f"{section}:\n      API_TOKEN: {value}").encode()))
        assert value not in reported
        assert "a value that is not shown here" in reported


def test_login_in_a_repository_url_is_not_shown(write: Write) -> None:
    path = write("services:\n  - name: orders\n    repository: https://me:hunter2@bitbucket.org/acme/orders.git\n")
    reported = message(path)
    assert "hunter2" not in reported
    assert reported.endswith("use workspace/repository: acme/orders")


# Anything at all

PIECES = [
    "{", "}", "[", "]", ": ", "\n", "\n  ", "- ", "&a ", "*a", "<<: *a", "!!int ", "!x ", '"', "'", "|\n", "\t", "? ",
    "---\n", "~", "null", "yes", "0x1F", "1:30", "9" * 30, ".nan", "2024-99-99", "\x85", "\u2028", "\x00", "=: 1",
    "services:\n  - ", "network:\n  vpc:\n    ", "base_images: ", "name: a", '"\\ud800"', '"\\UFFFFFFFF"',
    "%YAML 1.2\n", "{a: 1}: 2", "port: ",
]  # fmt: skip


def garbage(rng: random.Random) -> bytes:
    """Bytes, bits of YAML, or a good file with a few places changed."""
    kind = rng.randrange(3)
    if kind == 0:
        return rng.randbytes(rng.randrange(200))
    if kind == 1:
        return "".join(rng.choices(PIECES, k=rng.randrange(40))).encode()
    text = VPC + SERVICE + "    port: 8080\n    environment:\n      A: b\nbase_images:\n  - name: pythonbase\n"
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(text))
        text = text[:at] + rng.choice(PIECES) + text[at + rng.randrange(8) :]
    return text.encode()


def error_of(path: Path) -> SettingsError | None:
    try:
        load_settings(path)
    except SettingsError as error:
        return error
    return None


@pytest.mark.parametrize("seed", range(8))
def test_garbage_is_either_good_or_reported(write: Write, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    refused = 0
    for _ in range(150):
        content = garbage(rng)
        error = error_of(write(content))
        if error is None:
            continue
        refused += 1
        lines = str(error).encode().decode().split("\n")
        assert len(lines) == len(error.problems) > 0
        assert all(line.startswith("platform.yaml:") for line in lines)
        last = len(content.decode("utf-8", "replace").splitlines()) + 1
        assert all(problem.line is None or 1 <= problem.line <= last for problem in error.problems)
    assert refused > 100


def test_no_message_names_what_stands_in_for_a_wrong_name(tmp_path: Path) -> None:
    # What the check of the rest works with is nowhere in the file.
    file = tmp_path / "platform.yaml"
    file.write_text(
        "bitbucket: {destroy: true}\n"
        "base_images: [{name: pythonbase, destroy: true}]\n"
        "services: [{name: Orders, repository: acme/orders, environments: [{name: build}, {name: prod}]}]\n"
    )
    with pytest.raises(SettingsError) as caught:
        load_settings(file)
    assert "unnamed" not in str(caught.value)
    assert [line.split(": ")[1] for line in str(caught.value).splitlines()] == [
        "bitbucket.destroy",
        "base_images[0].destroy",
        "services[0].name",
        "services[0].environments[0].name",
    ]
