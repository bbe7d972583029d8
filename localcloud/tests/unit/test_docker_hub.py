"""The stand-in for Docker Hub: how pulls are counted, who is who, what images are made of."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from pythonbase_localcloud import docker_hub
from pythonbase_localcloud.demo.summary import Summary
from pythonbase_localcloud.docker_hub import accounts, catalog, images
from pythonbase_localcloud.docker_hub.limits import Counter, Entry, Identity, Limits
from pythonbase_localcloud.docker_hub.service import Failure, Outage
from pythonbase_localcloud.images.upstream import Record
from pythonbase_localcloud.setup import configuration

OFFICE = Identity("address", "192.0.2.1")
HOME = Identity("address", "192.0.2.2")
ADA = Identity("user", "ada")
INDEX, AMD64, ARM64 = (f"sha256:{letter * 64}" for letter in "abc")


class Clock:
    """Time that tests move."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def counter(clock: Clock) -> Counter:
    return Counter(Limits(anonymous=2, user=3, window=60), clock=clock)


def ask(
    counter: Counter,
    reference: str = "1",
    *,
    who: Identity = OFFICE,
    method: str = "GET",
    status: int = 200,
    holds: tuple[str, ...] = (),
    repository: str = "library/python",
) -> bool:
    """One request, from its start to its end; whether it was let in."""
    entry = Entry(
        method=method,
        host="registry-1.docker.io",
        identity=str(who),
        repository=repository,
        reference=reference,
        client="test",
    )
    admitted = counter.begin(entry, who)
    counter.finish(entry, who, status=status if admitted else 429, manifests=holds)
    return admitted


def pulls(counter: Counter) -> int:
    return sum(counter.counts().values())


# --- counting ------------------------------------------------------------------------------------------------------


def test_a_get_counts_and_a_head_does_not(counter: Counter) -> None:
    for _ in range(5):
        assert ask(counter, method="HEAD")
    assert pulls(counter) == 0
    assert ask(counter)
    assert pulls(counter) == 1


def test_an_index_and_one_of_its_manifests_are_one_pull(counter: Counter) -> None:
    ask(counter, "1", holds=(AMD64, ARM64))
    ask(counter, AMD64)
    assert pulls(counter) == 1


def test_a_second_architecture_is_a_second_pull(counter: Counter) -> None:
    ask(counter, "1", holds=(AMD64, ARM64))
    ask(counter, AMD64)
    ask(counter, ARM64)
    assert pulls(counter) == 2


def test_a_manifest_belongs_to_an_index_of_the_same_client_and_repository_only(counter: Counter) -> None:
    ask(counter, "1", holds=(AMD64,))
    ask(counter, AMD64, who=HOME)
    ask(counter, AMD64, repository="library/other")
    assert pulls(counter) == 3


def test_a_manifest_that_is_read_long_after_its_index_is_a_pull_of_its_own(counter: Counter, clock: Clock) -> None:
    counter.limits.window = 86_400
    ask(counter, "1", holds=(AMD64,))
    clock.now += 3600
    ask(counter, AMD64)
    assert pulls(counter) == 2


def test_the_manifest_of_the_last_pull_is_still_handed_out(counter: Counter) -> None:
    counter.limits.anonymous = 1
    assert ask(counter, "1", holds=(AMD64, ARM64))
    assert ask(counter, AMD64)
    assert not ask(counter, ARM64)


def test_what_was_not_handed_out_does_not_count(counter: Counter) -> None:
    ask(counter, status=404)
    assert pulls(counter) == 0
    assert counter.allowance(OFFICE).remaining == 2


def test_a_pull_too_many_is_refused_and_does_not_count(counter: Counter) -> None:
    assert [ask(counter) for _ in range(4)] == [True, True, False, False]
    assert pulls(counter) == 2
    assert [entry.status for entry in counter.entries()] == [200, 200, 429, 429]
    assert ask(counter, method="HEAD"), "a version check is free"


def test_everybody_has_a_limit_of_their_own(counter: Counter) -> None:
    ask(counter)
    ask(counter)
    assert not ask(counter)
    assert ask(counter, who=HOME)
    assert [ask(counter, who=ADA) for _ in range(4)] == [True, True, True, False]
    assert counter.counts() == {"address:192.0.2.1": 2, "address:192.0.2.2": 1, "user:ada": 3}


def test_the_window_slides(counter: Counter, clock: Clock) -> None:
    ask(counter)
    clock.now += 40
    ask(counter)
    assert not ask(counter)
    clock.now += 20
    assert counter.allowance(OFFICE).remaining == 1
    assert ask(counter)
    assert not ask(counter)
    assert pulls(counter) == 3


def test_a_paid_account_is_not_limited(counter: Counter) -> None:
    counter.limits.users["ada"] = None
    assert all(ask(counter, who=ADA) for _ in range(10))
    assert counter.allowance(ADA).limit is None
    assert pulls(counter) == 10


def test_two_requests_at_once_do_not_share_the_last_pull(counter: Counter) -> None:
    counter.limits.anonymous = 1
    entries = [
        Entry(method="GET", host="", identity=str(OFFICE), repository="a", reference="1", client="") for _ in range(2)
    ]
    assert [counter.begin(entry, OFFICE) for entry in entries] == [True, False]


def test_counts_survive_a_restart_until_they_are_reset(tmp_path: Path, clock: Clock) -> None:
    journal = tmp_path / "state" / "requests.jsonl"
    limits = Limits(anonymous=2, window=60)
    ask(Counter(limits, journal=journal, clock=clock))
    again = Counter(limits, journal=journal, clock=clock)
    assert (pulls(again), again.allowance(OFFICE).remaining) == (1, 1)
    again.reset()
    assert pulls(Counter(limits, journal=journal, clock=clock)) == 0


# --- accounts ------------------------------------------------------------------------------------------------------


def test_a_token_stands_for_its_account_or_for_the_address_it_is_used_from() -> None:
    known = accounts.Accounts()
    mine = known.issue(known.check(docker_hub.USER, docker_hub.PASSWORD))
    nobodys = known.issue(None)
    assert known.identity(mine, peer="192.0.2.1") == Identity("user", docker_hub.USER)
    assert known.identity(nobodys, peer="192.0.2.1") == OFFICE
    known.address = "192.0.2.2"
    assert known.identity(nobodys, peer="192.0.2.1") == HOME
    assert not known.knows("invented")


@pytest.mark.parametrize(("user", "password"), [(docker_hub.USER, "wrong"), ("nobody", docker_hub.PASSWORD), ("", "")])
def test_a_wrong_password_or_account_is_refused(user: str, password: str) -> None:
    with pytest.raises(accounts.WrongPasswordError):
        accounts.Accounts().check(user, password)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Basic " + base64.b64encode(b"ada:a:b").decode(), ("ada", "a:b")),
        ("Basic %%%", None),
        ("Bearer abc", None),
        (None, None),
    ],
)
def test_credentials_are_read_from_their_header(header: str | None, expected: tuple[str, str] | None) -> None:
    assert accounts.basic(header) == expected


def test_an_outage_counts_its_requests() -> None:
    outage = Outage()
    assert outage.next() is None
    outage.begin(Failure(503, None), 2)
    assert [outage.next() is not None for _ in range(3)] == [True, True, False]
    outage.begin(Failure(429, 60), None)
    assert all(outage.next() == Failure(429, 60) for _ in range(5))
    outage.end()
    assert outage.next() is None


# --- images --------------------------------------------------------------------------------------------------------


def test_an_image_has_a_manifest_for_each_architecture_and_another_digest_for_each_change(tmp_path: Path) -> None:
    (tmp_path / "busybox").write_bytes(b"program")
    digests = set()
    for change in ("", "1", "2"):
        image = images.busybox_image(tmp_path / "busybox", name="library/redis", change=change)
        configs, parts, index = images.manifests(image)
        entries = json.loads(index.content)["manifests"]
        assert [entry["platform"]["architecture"] for entry in entries] == ["amd64", "arm64"]
        assert [entry["digest"] for entry in entries] == [part.digest for part in parts]
        assert [json.loads(config)["architecture"] for config in configs] == ["amd64", "arm64"]
        digests.add(index.digest)
    assert len(digests) == 3
    assert images.manifests(image)[2].digest == index.digest, "the same change is the same image"


def test_images_that_platform_yaml_names_are_there_besides_the_usual_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCALCLOUD_UPSTREAM", "made")
    record = tmp_path / "upstream.json"
    Record(record).decide(["docker.io/library/python:3.14-slim", "ghcr.io/a/b:1"], bundle=None)
    assert catalog.holds("library/python", "3.13-slim", record)
    assert catalog.holds("library/python", "3.14-slim", record)
    assert not catalog.holds("library/python", "2.7", record)
    assert not catalog.holds("a/b", "1", record)


# --- what the rest of the local cloud knows of it --------------------------------------------------------------------


def test_a_registry_is_stood_in_for_when_that_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALCLOUD_UPSTREAM", "internet")
    record = Record(tmp_path / "upstream.json")
    record.decide([], bundle=None, hosts=[docker_hub.API_HOST])
    assert record.answers == {docker_hub.API_HOST: True}
    record.stand_in_for(docker_hub.API_HOST)
    record.decide([], bundle=None, hosts=[docker_hub.API_HOST])
    assert Record(tmp_path / "upstream.json").answers == {docker_hub.API_HOST: False}


def test_docker_hub_has_an_address_of_its_own_among_the_stand_ins() -> None:
    made = ["public.ecr.aws", docker_hub.API_HOST]
    names = configuration.box_names([("000000000000", "eu-west-1")], made, docker_hub=True)
    assert {names[name] for name in docker_hub.HOSTS} == {docker_hub.ADDRESS}
    assert names["public.ecr.aws"] != docker_hub.ADDRESS
    assert not set(docker_hub.HOSTS) & set(configuration.box_names([("000000000000", "eu-west-1")], made[:1]))


@pytest.mark.parametrize(("pulls", "text"), [(0, "Docker Hub     0 pulls"), (None, "Docker Hub     not counted")])
def test_the_summary_says_how_often_docker_hub_was_pulled_from(tmp_path: Path, pulls: int | None, text: str) -> None:
    summary = Summary(endpoint_url="", account="", region="", services=[], docker_hub_pulls=pulls, seconds={})
    assert text in summary.text()
    summary.write(tmp_path / "summary.json")
    assert json.loads((tmp_path / "summary.json").read_text())["docker_hub_pulls"] == pulls
