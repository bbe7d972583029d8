"""An environment in another account: deployed, released and put back without a step by hand."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from pythonbase_localcloud.demo import bitbucket
from pythonbase_localcloud.demo.run import run_demo
from pythonbase_localcloud.machine.progress import reporter
from pythonbase_localcloud.testing.callers import allow, caller
from trials.fault_table import changes
from trials.fault_table.pipeline import Pipeline
from trials.fault_table.target import Target

if TYPE_CHECKING:
    from pythonbase_localcloud.testing.cloud import Cloud

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("two accounts", order=10)]

HOME, PRODUCTION, STRANGER = "000000000000", "111111111111", "222222222222"
CONFIGURATION = f"""\
environment: {{account: "{HOME}", region: eu-west-1}}
environments:
  - name: production
    account: "{PRODUCTION}"
services:
  - name: ledger
    repository: acme/ledger
    environments:
      - name: staging
      - name: production
        approval: true
"""


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """The service, and the accounts that it is in."""

    home: Cloud
    away: Cloud
    pipeline: Pipeline

    @property
    def staging(self) -> Target:
        """In the pipeline's account."""
        return Target(instance=self.home.instance, clients=self.home.client, service="ledger", environment="staging")

    @property
    def production(self) -> Target:
        """In the other one."""
        return Target(instance=self.away.instance, clients=self.away.client, service="ledger", environment="production")

    def tags(self, digest: str) -> list[str]:
        """The tags of an image in the only repository."""
        (image,) = self.home.client("ecr").describe_images(repositoryName="ledger", imageIds=[{"imageDigest": digest}])[
            "imageDetails"
        ]
        return [str(tag) for tag in image["imageTags"]]

    def release(self, name: str) -> str:
        """Push a version and approve it; the digest."""
        commit = self.pipeline.push(changes.version(name), f"Version {name}")
        self.pipeline.decide(self.pipeline.approval("ApproveProduction"), "Approved", "looks good")
        execution = self.pipeline.wait_for_end(commit)
        assert execution["status"] == "Succeeded", self.pipeline.failure(execution)
        return self.production.recorded()


@pytest.fixture(scope="module")
def ledger(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """Deployed to both accounts by one `cdk deploy --all`, and released."""
    folder = tmp_path_factory.mktemp("ledger")
    config = folder / "platform.yaml"
    config.write_text(CONFIGURATION)
    assert cloud.account == HOME
    pipeline = Pipeline(
        instance=cloud.instance,
        codepipeline=cloud.client("codepipeline"),
        name="ledger",
        repository="acme/ledger",
        folder=folder,
    )
    bitbucket.create_repository(cloud.instance, pipeline.repository, "main")
    pipeline.push(changes.version("one"), "The first version")
    run_demo(cloud.instance, config, reporter())
    return Ledger(home=cloud, away=replace(cloud, account=PRODUCTION), pipeline=pipeline)


def test_both_accounts_run_one_digest_from_one_repository(ledger: Ledger) -> None:
    digest = ledger.staging.recorded()
    assert digest.startswith("sha256:")
    assert ledger.staging.running() == {digest} == ledger.production.running()
    assert ledger.production.recorded() == digest
    assert ledger.production.parameter("image") == ledger.staging.parameter("image")
    assert ledger.production.parameter("image").startswith(f"{HOME}.dkr.ecr.")
    assert ledger.production.get().split()[0] == "one"
    repositories = ledger.away.client("ecr").describe_repositories()["repositories"]
    assert "ledger" not in {repository["repositoryName"] for repository in repositories}


def test_what_the_other_account_released_does_not_expire(ledger: Ledger) -> None:
    tags = ledger.tags(ledger.production.recorded())
    assert [tag for tag in tags if tag.startswith("release-staging-")]
    assert [tag for tag in tags if tag.startswith("release-production-")]


def test_it_goes_back_with_the_credentials_of_the_other_account(ledger: Ledger) -> None:
    first, second = ledger.production.recorded(), ledger.release("two")
    assert second != first
    assert ledger.production.running() == {second} == ledger.staging.running()

    done = subprocess.run(
        [str(Path(sys.executable).parent / "pythonbase"), "rollback", "ledger", "--environment", "production"],
        env={**os.environ, **ledger.away.environment()},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert ledger.production.running() == {first} == {ledger.production.recorded()}
    assert ledger.staging.running() == {second}
    assert ledger.production.get().split()[0] == "one"


def test_a_third_account_may_not_pull(ledger: Ledger) -> None:
    rights = allow("ecr:BatchGetImage")
    image: dict[str, Any] = {
        "registryId": HOME,
        "repositoryName": "ledger",
        "imageIds": [{"imageDigest": ledger.production.recorded()}],
    }
    admitted = caller(ledger.away, rights)("ecr").batch_get_image(**image)
    assert [item["registryId"] for item in admitted["images"]] == [HOME]
    stranger = replace(ledger.home, account=STRANGER)
    with pytest.raises(ClientError) as refused:
        caller(stranger, rights)("ecr").batch_get_image(**image)
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"


def test_of_the_other_account_only_what_releases_may_tag(ledger: Ledger) -> None:
    image = {"registryId": HOME, "repositoryName": "ledger"}
    wanted = {"imageDigest": ledger.production.recorded()}
    ecr = caller(ledger.away, allow("ecr:BatchGetImage", "ecr:PutImage"))("ecr")
    manifest = ecr.batch_get_image(**image, imageIds=[wanted])["images"][0]["imageManifest"]
    # The tag of a commit that is still to come: production would get whatever it names.
    with pytest.raises(ClientError) as refused:
        ecr.put_image(**image, imageManifest=manifest, imageTag="0123456789abcdef0123456789abcdef01234567")
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
    assert [tag for tag in ledger.tags(wanted["imageDigest"]) if tag.startswith("release-production-")]
