"""Regions, zones, partitions and name conflicts: the settings, and how their mistakes are explained."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import boto3
import pytest

from pythonbase_settings import SettingsError, load_settings
from pythonbase_settings.regions import WITHOUT_CONNECTIONS, WITHOUT_NOTIFICATIONS, partition_of


def _said(folder: Path, text: str) -> list[str]:
    (folder / "platform.yaml").write_text(dedent(text))
    with pytest.raises(SettingsError) as caught:
        load_settings(folder / "platform.yaml")
    return str(caught.value).splitlines()


def _service(settings: str = "", *, name: str = "orders", top: str = "") -> str:
    lines = "".join(f"    {line}\n" for line in settings.splitlines())
    return f"{top}services:\n  - name: {name}\n    repository: acme/orders\n{lines}"


def _at(region: str) -> str:
    return f'environment: {{account: "123456789012", region: {region}}}\n'


def _elsewhere(text: str) -> str:
    return f"{_at('eu-central-1')}environments: [{{name: far, {text}}}]\n"


HERE = _at("eu-central-1")
NAT = "network: {nat_gateways: 1}"
BOTH = "use a Region with connections to Bitbucket for the pipelines, and give the environments region: "
TOPIC = "arn:aws-cn:sns:eu-central-1:123456789012:releases"
CHANNEL = "arn:aws-cn:chatbot::123456789012:chat-configuration/slack-channel/x"
SECRET = "arn:aws-cn:secretsmanager:eu-central-1:123456789012:secret:key-AbCdEf"  # noqa: S105 - an ARN
PARTITION = "use one that begins arn:aws:, the partition of eu-central-1"
A_PREFIX = "use 2 to 12 lower-case letters, digits and single hyphens, starting with a letter, such as shop"
OWN = "the service's pipeline has a"
MISTAKES: dict[str, tuple[str, str]] = {
    # Regions
    **{
        f"no connections in {region}": (
            _service(top=_at(region)),
            f'1: environment.region: got "{region}"; {BOTH}{region}: CodeConnections does not offer them here',
        )
        for region in ("ap-east-1", "af-south-1", "eu-south-2", "il-central-1", "me-central-1", "ca-west-1")
    },
    **{
        f"no connections in {region}": (
            _service(top=_at(region)),
            f'1: environment.region: got "{region}"; use a Region with connections to Bitbucket: CodeConnections does '
            "not offer them here",
        )
        for region in ("us-gov-west-1", "cn-northwest-1")
    },
    "notifications where there are none": (
        f"{_at('eu-south-1')}notifications:\n  topic: arn:aws:sns:eu-south-1:123456789012:releases\n",
        '3: notifications.topic: got "arn:aws:sns:eu-south-1:123456789012:releases"; remove it: eu-south-1 has no '
        "notification rules for pipelines",
    ),
    "three zones where Fargate has two": (
        f"{_at('us-west-1')}network: {{max_azs: 3}}\n",
        "2: network.max_azs: got 3; use 2: Fargate is in 2 availability zones of us-west-1 only",
    ),
    "three zones where Fargate has two, elsewhere": (
        _elsewhere("region: us-west-1, network: {max_azs: 3, nat_gateways: 1}")
        + _service("environments: [{name: far}]"),
        "2: environments[0].network.max_azs: got 3; use 2: Fargate is in 2 availability zones of us-west-1 only",
    ),
    "a Region of another partition": (
        _elsewhere(f"region: cn-north-1, {NAT}") + _service("environments: [{name: far}]"),
        '2: environments[0].region: got "cn-north-1"; use a Region of the partition aws: nothing reaches from one into '
        "another",
    ),
    "a Region of GovCloud": (
        _elsewhere(f"region: us-gov-east-1, {NAT}") + _service("environments: [{name: far}]"),
        '2: environments[0].region: got "us-gov-east-1"; use a Region of the partition aws: nothing reaches from one '
        "into another",
    ),
    "a Region without its number": (
        "environment: {region: eu-central}\n",
        '1: environment.region: got "eu-central"; use an AWS Region such as eu-central-1',
    ),
    "an availability zone as Region": (
        "environment: {region: eu-central-1a}\n",
        '1: environment.region: got "eu-central-1a"; use an AWS Region such as eu-central-1',
    ),
    # partitions
    "a connection of another partition": (
        f"{_at('us-gov-east-1')}bitbucket:\n"
        "  connection_arn: arn:aws:codeconnections:us-gov-east-1:123456789012:connection/1\n",
        '3: bitbucket.connection_arn: got "arn:aws:codeconnections:us-gov-east-1:123456789012:connection/1"; use one '
        "that begins arn:aws-us-gov:, the partition of us-gov-east-1",
    ),
    "a topic of another partition": (
        f"{HERE}notifications:\n  topic: {TOPIC}\n",
        f'3: notifications.topic: got "{TOPIC}"; {PARTITION}',
    ),
    "a channel of another partition": (
        f"{HERE}notifications:\n  chatbot: {CHANNEL}\n",
        f'3: notifications.chatbot: got "{CHANNEL}"; {PARTITION}',
    ),
    "a service's topic of another partition": (
        _service(f"notifications:\n  topic: {TOPIC}", top=HERE),
        f'6: services[0].notifications.topic: got "{TOPIC}"; {PARTITION}',
    ),
    "a secret of another partition": (
        _service(f"secrets:\n  KEY: {SECRET}", top=HERE),
        f'6: services[0].secrets.KEY: got "{SECRET}"; {PARTITION}',
    ),
    "an environment's secret of another partition": (
        _service(f"environments:\n  - name: staging\n    secrets:\n      KEY: {SECRET}", top=HERE),
        f'8: services[0].environments[0].secrets.KEY: got "{SECRET}"; {PARTITION}',
    ),
    "credentials of another partition": (
        f"{HERE}base_images:\n  - name: pythonbase\n    upstream_credentials: {SECRET}\n",
        f'4: base_images[0].upstream_credentials: got "{SECRET}"; {PARTITION}',
    ),
    "credentials of build statuses of another partition": (
        f"{HERE}bitbucket:\n  status_credentials: {SECRET}\n",
        f'3: bitbucket.status_credentials: got "{SECRET}"; {PARTITION}',
    ),
    # zones
    "a zone of another Region": (
        f"{HERE}network:\n  availability_zones: [eu-central-1a, eu-west-1a]\n",
        '3: network.availability_zones[1]: got "eu-west-1a"; use an availability zone of eu-central-1',
    ),
    "a zone twice": (
        f"{HERE}network:\n  availability_zones: [eu-central-1a, eu-central-1a]\n",
        '3: network.availability_zones[1]: got "eu-central-1a"; remove it: network.availability_zones[0] is the same',
    ),
    "one zone": (
        f"{HERE}network:\n  availability_zones: [eu-central-1a]\n",
        "3: network.availability_zones: got a list; list at least 2, or remove the line",
    ),
    "four zones": (
        f"{HERE}network:\n  availability_zones: [eu-central-1a, eu-central-1b, eu-central-1c, eu-central-1d]\n",
        "3: network.availability_zones: got 4 entries; list at most 3",
    ),
    "a zone by its id": (
        f"{HERE}network:\n  availability_zones: [euc1-az1, eu-central-1b]\n",
        '3: network.availability_zones[0]: got "euc1-az1"; use an availability zone\'s name, such as eu-central-1a',
    ),
    "zones and their number": (
        f"{HERE}network:\n  availability_zones: [eu-central-1a, eu-central-1b]\n  max_azs: 2\n",
        "4: network.max_azs: got 2; remove it: availability_zones says which, and so how many",
    ),
    "zones without a Region": (
        "network:\n  availability_zones: [eu-central-1a, eu-central-1b]\n",
        "2: network.availability_zones: got a list; set environment.region too: zones belong to a Region",
    ),
    "zones beside an existing VPC": (
        f"{HERE}network:\n  availability_zones: [eu-central-1a, eu-central-1b]\n  vpc:\n    id: vpc-00000001\n"
        "    availability_zones: [eu-central-1a]\n    private_subnet_ids: [subnet-00000001]\n",
        "3: network.availability_zones: got a list; remove it: it is for a new VPC, and network.vpc names an existing "
        "one",
    ),
    "more NAT gateways than named zones": (
        f"{HERE}network:\n  availability_zones: [eu-central-1a, eu-central-1b]\n  nat_gateways: 3\n",
        "4: network.nat_gateways: got 3; use at most 2, one for each availability zone, or add an availability zone",
    ),
    "a zone of another Region, elsewhere": (
        _elsewhere("region: us-east-1, network: {nat_gateways: 1, availability_zones: [us-east-1a, us-east-2a]}")
        + _service("environments: [{name: far}]"),
        '2: environments[0].network.availability_zones[1]: got "us-east-2a"; use an availability zone of us-east-1',
    ),
    # name conflicts
    "an environment called build": (
        _service("environments: [{name: build}]"),
        f'4: services[0].environments[0].name: got "build"; use another name: {OWN} stage Build of its own',
    ),
    "an environment called source": (
        _service("environments: [{name: source}]"),
        f'4: services[0].environments[0].name: got "source"; use another name: {OWN} stage Source of its own',
    ),
    "an environment called pipeline": (
        _service("environments: [{name: pipeline}]"),
        f'4: services[0].environments[0].name: got "pipeline"; use another name: {OWN} role Pipeline of its own',
    ),
    "an approval beside its own name": (
        _service("environments: [{name: prod, approval: true}, {name: approve-prod}]"),
        '4: services[0].environments[1].name: got "approve-prod"; use another name: the pipeline\'s stage ApproveProd '
        "is that of services[0].environments[0]",
    ),
    "an approval after its own name": (
        _service("environments: [{name: approve-prod}, {name: prod, approval: true}]"),
        '4: services[0].environments[1].name: got "prod"; use another name: the pipeline\'s stage ApproveProd is that '
        "of services[0].environments[0]",
    ),
    "environments that differ in a hyphen": (
        _service("environments: [{name: eu-1}, {name: eu1}]"),
        '4: services[0].environments[1].name: got "eu1"; use another name: its stack would be called OrdersEu1 like '
        "that of services[0].environments[0].name",
    ),
    "an environment called state": (
        _service("environments: [{name: state}]"),
        '4: services[0].environments[0].name: got "state"; use another name: its stack would be called OrdersState '
        "like that of services[0].name",
    ),
    "a service called like a construct of the CDK library": (
        _service(name="tree"),
        '2: services[0].name: got "tree"; use another name: its stack would be called Tree like the application\'s own '
        "construct Tree",
    ),
    "a service called like the stack of artifacts": (
        _elsewhere(f"region: us-east-1, {NAT}")
        + _service("environments: [{name: far}]")
        + "  - {name: artifacts-us-east-1, repository: acme/artifacts}\n",
        '7: services[1].name: got "artifacts-us-east-1"; use another name: its stack would be called ArtifactsUsEast1 '
        "like the application's own stack ArtifactsUsEast1",
    ),
    # prefixes
    "a prefix with capitals": ("prefix: Shop\n", f'1: prefix: got "Shop"; {A_PREFIX}'),
    "a prefix with its hyphen": ("prefix: shop-\n", f'1: prefix: got "shop-"; {A_PREFIX}'),
    "a prefix that is too long": (
        "prefix: department-of-shops\n",
        f'1: prefix: got "department-of-shops"; {A_PREFIX}',
    ),
    "a name that is too long with its prefix": (
        _service(name="orders-and-everything-that-goes-with-it", top="prefix: shop\n"),
        '3: services[0].name: got "orders-and-everything-that-goes-with-it"; use at most 35 characters: with the '
        "prefix shop a name has 40",
    ),
    "a base image's name that is too long with its prefix": (
        "prefix: shop\nbase_images:\n  - name: python-with-everything-that-we-may-need\n    path: images/pythonbase\n",
        '3: base_images[0].name: got "python-with-everything-that-we-may-need"; use at most 35 characters: with the '
        "prefix shop a name has 40",
    ),
    "roles in another account that are too long with their prefix": (
        'prefix: shop\nenvironment: {account: "123456789012", region: eu-central-1}\n'
        'environments: [{name: quality-assurance, account: "210987654321"}]\n'
        + _service("environments: [{name: quality-assurance}]", name="orders-and-all-that-goes-with-them"),
        '7: services[0].environments[0].name: got "quality-assurance"; use shorter names: the role '
        "shop-orders-and-all-that-goes-with-them-quality-assurance-starter there may have 64 characters",
    ),
}


@pytest.mark.parametrize(("text", "line"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_with_its_place_and_the_fix(folder: Path, text: str, line: str) -> None:
    assert _said(folder, text) == [f"platform.yaml:{line}"]


def test_there_are_at_least_forty_mistakes() -> None:
    assert len(MISTAKES) >= 40


def test_every_known_region_has_connections_or_is_listed_without() -> None:
    session = boto3.Session()
    partitions = ("aws", "aws-cn", "aws-us-gov")

    def regions(service: str) -> set[str]:
        return {name for part in partitions for name in session.get_available_regions(service, partition_name=part)}

    known = regions("ecs") | regions("ecr") | regions("codepipeline")
    assert known - regions("codestar-connections") - regions("codeconnections") == WITHOUT_CONNECTIONS


def test_every_region_with_connections_has_notifications_or_is_listed_without() -> None:
    session = boto3.Session()

    def regions(service: str) -> set[str]:
        return {
            name
            for partition in ("aws", "aws-us-gov")
            for name in session.get_available_regions(service, partition_name=partition)
        }

    assert regions("codestar-connections") - regions("codestar-notifications") == WITHOUT_NOTIFICATIONS


def test_every_known_region_is_in_its_partition() -> None:
    session = boto3.Session()
    for partition in session.get_available_partitions():
        for region in session.get_available_regions("ecs", partition_name=partition):
            assert partition_of(region) == partition, region


def test_the_prefix_is_before_every_name(folder: Path) -> None:
    (folder / "platform.yaml").write_text("prefix: shop\n" + _service())
    settings = load_settings(folder / "platform.yaml")
    assert [item.name for item in settings.services] == ["shop-orders"]
    assert [item.base_image for item in settings.services] == ["shop-pythonbase"]
    assert [item.name for item in settings.base_images] == ["shop-pythonbase"]
    assert settings.bitbucket.connection_name == "shop-pythonbase"


def test_a_connection_that_is_named_keeps_its_name(folder: Path) -> None:
    (folder / "platform.yaml").write_text("prefix: shop\nbitbucket: {connection_name: ours}\n" + _service())
    assert load_settings(folder / "platform.yaml").bitbucket.connection_name == "ours"
