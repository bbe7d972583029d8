"""README's "Deploy to AWS" in an account with nothing: what is in the way is said, and each way out leads on.

One story: each test goes on where the one before it ended.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from pythonbase_localcloud.demo import bitbucket
from pythonbase_localcloud.instance import Instance, find
from pythonbase_localcloud.machine.progress import reporter
from pythonbase_localcloud.setup import lifecycle
from pythonbase_localcloud.testing.callers import wait_for
from pythonbase_localcloud.testing.cloud import ROOT, UPSTREAM, Cloud
from pythonbase_localcloud.testing.pipelines import authorize
from pythonbase_localcloud.testing.registry_client import RegistryClient
from trials.fault_table import changes
from trials.fault_table.pipeline import Execution, Pipeline

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("first deployment", order=4)]

HOME, PRODUCTION, REGION = "123456789012", "210987654321", "eu-west-1"
CONFIGURATION = f"""\
environment: {{account: "{HOME}", region: {REGION}}}
environments:
  - name: production
    account: "{PRODUCTION}"
base_images:
  - name: pythonbase
    path: {ROOT}/images/pythonbase
services:
  - name: shop
    repository: acme/shop
    environments:
      - name: staging
      - name: production
"""
DELETED = ("Shop", "ShopStaging", "ShopProduction", "ProductionNetwork", "Network", "Pythonbase")
"""The stacks that hold nothing that outlives them, and the base image's."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """The platform engineer's account."""

    cloud: Cloud
    config: Path
    pipeline: Pipeline

    @property
    def production(self) -> Cloud:
        """The other account, with its own credentials."""
        return replace(self.cloud, account=PRODUCTION)

    def cdk(self, *words: str, fails: bool = False) -> str:
        """What the CDK CLI says."""
        done = self.cloud.cdk(*words, config=self.config, check=False)
        output = done.stderr + done.stdout
        assert (done.returncode != 0) is fails, output
        return output

    def deploy(self, *stacks: str, fails: bool = False) -> str:
        """Deploy; whoever runs this has read the difference."""
        return self.cdk("deploy", *stacks, "--require-approval", "never", fails=fails)

    def doctor(self) -> str:
        """The report."""
        done = subprocess.run(
            [ROOT / ".venv" / "bin" / "pythonbase", "doctor", "--config", self.config],
            cwd=ROOT,
            env=self.cloud.environment(),
            text=True,
            capture_output=True,
            check=False,
            timeout=120,
        )
        assert done.returncode in (0, 1), done.stderr
        assert "cannot be checked" not in done.stdout
        return done.stdout

    def set_builds(self, quota: int) -> None:
        """AWS's answer to a request."""
        self.cloud.client("service-quotas").request_service_quota_increase(
            ServiceCode="codebuild", QuotaCode="L-9D07B6EF", DesiredValue=quota
        )


@pytest.fixture(scope="module")
def account(worker_id: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """Two accounts with nothing, on an instance of their own."""
    default, folder = find(start=ROOT), tmp_path_factory.mktemp("first")
    instance = Instance(root=default.root, home=default.cache.parent / f"first-{worker_id}", cache=default.cache)
    lifecycle.clean(instance, report=reporter(quiet=True))
    config = folder / "platform.yaml"
    config.write_text(CONFIGURATION)
    try:
        lifecycle.up(instance, account=HOME, region=REGION, upstreams=[UPSTREAM], report=reporter())
        cloud = Cloud(instance=instance, account=HOME, region=REGION)
        pipeline = Pipeline(
            instance=instance,
            codepipeline=cloud.client("codepipeline"),
            name="shop",
            repository="acme/shop",
            folder=folder,
        )
        bitbucket.create_repository(instance, "acme/shop", "main")
        pipeline.push(changes.version("one"), "The first version")
        yield Account(cloud=cloud, config=config, pipeline=pipeline)
    finally:
        lifecycle.down(instance, report=reporter(quiet=True))


def test_doctor_says_before_the_deployment_what_it_would_meet(account: Account) -> None:
    account.set_builds(0)
    report = account.doctor()
    for said in (
        f"fix: cdk bootstrap aws://{HOME}/{REGION}\n",
        f"CDK bootstrap of {PRODUCTION}: the account is not bootstrapped in {REGION}, or does not trust this one",
        f"fix: with credentials of {PRODUCTION}: cdk bootstrap aws://{PRODUCTION}/{REGION} --trust {HOME} ",
        "warning  role AWSServiceRoleForECS: the account has never used ECS",
        "it is 0, so every build fails to start",
        "fix: cdk deploy Bitbucket\n",
    ):
        assert said in report


def test_its_advice_for_the_account_itself_is_good(account: Account) -> None:
    account.cloud.run("cdk", "bootstrap", f"aws://{HOME}/{REGION}", cwd=account.config.parent)
    account.cloud.client("iam").create_service_linked_role(AWSServiceName="ecs.amazonaws.com")
    report = account.doctor()
    assert f"fix: cdk bootstrap aws://{HOME}/{REGION}\n" not in report
    assert "AWSServiceRoleForECS" not in report


def test_with_no_builds_the_deployment_says_what_to_ask_for_and_with_one_it_succeeds(account: Account) -> None:
    refused = account.deploy("Pythonbase", fails=True)
    assert "Cannot have more than 0 builds in queue for the account" in refused
    assert "stack Pythonbase: its creation failed (ROLLBACK_COMPLETE)" in account.doctor()
    account.set_builds(1)
    account.deploy("Pythonbase")
    assert "stack Pythonbase" not in account.doctor()


def test_a_second_account_must_trust_the_first(account: Account) -> None:
    bootstrap = ("cdk", "bootstrap", f"aws://{PRODUCTION}/{REGION}")
    account.production.run(*bootstrap, cwd=account.config.parent)
    assert f"CDK bootstrap of {PRODUCTION}" in account.doctor()
    refused = account.deploy("ProductionNetwork", fails=True)
    assert f"arn:aws:iam::{PRODUCTION}:role/cdk-hnb659fds-deploy-role-{PRODUCTION}-{REGION}" in refused
    policy = "arn:aws:iam::aws:policy/AdministratorAccess"
    trusted = ("--trust", HOME, "--cloudformation-execution-policies", policy)
    account.production.run(*bootstrap, *trusted, cwd=account.config.parent)
    assert f"CDK bootstrap of {PRODUCTION}" not in account.doctor()


def test_a_repository_that_exists_is_taken_over_also_after_a_failed_creation(account: Account) -> None:
    ecr = account.cloud.client("ecr")
    ecr.create_repository(repositoryName="shop")
    assert RegistryClient(account.cloud, ecr).put_image("shop", "v1").status == 201
    assert (
        "error    repository shop: it exists, but the stack ShopState that would create it does not" in account.doctor()
    )

    failed = account.deploy("ShopState", fails=True)
    assert "Resource of type 'AWS::ECR::Repository' with identifier 'shop' already exists" in failed
    assert "TerminationProtection is enabled" in account.deploy("ShopState", fails=True)
    report = account.doctor()
    assert "error    stack ShopState: its creation failed (ROLLBACK_COMPLETE), and it is protected" in report
    assert "update-termination-protection --no-enable-termination-protection --stack-name ShopState" in report
    assert "cdk deploy ShopState --import-existing-resources" in report
    assert ecr.describe_images(repositoryName="shop")["imageDetails"], "a failed creation leaves what was there"

    account.cloud.client("cloudformation").update_termination_protection(
        StackName="ShopState", EnableTerminationProtection=False
    )
    account.deploy("ShopState", "--import-existing-resources")
    with pytest.raises(ClientError, match="RepositoryPolicyNotFound"):
        ecr.get_repository_policy(repositoryName="shop")
    account.deploy("ShopState", "--revert-drift")
    assert PRODUCTION in ecr.get_repository_policy(repositoryName="shop")["policyText"]
    assert ecr.describe_images(repositoryName="shop")["imageDetails"]
    assert "ShopState" not in account.doctor()


def test_with_a_pending_connection_everything_is_deployed_and_goes_on_after_the_handshake(account: Account) -> None:
    account.deploy("--all")
    wait_for(lambda: [item["status"] for item in account.pipeline.executions()] == ["Failed"])
    report = account.doctor()
    assert "connection pythonbase: its handshake is not finished (PENDING)" in report
    assert "pipeline shop: stage Source failed because the connection is not available" in report
    (connection,) = account.cloud.client("codeconnections").list_connections()["Connections"]
    authorize(account.cloud, connection["ConnectionArn"])
    (execution,) = wait_for(lambda: _ended(account.pipeline), seconds=300)
    assert execution["status"] == "Succeeded", account.pipeline.failure(execution)
    # One build at a time is little for a base image and a service, and enough.
    assert "warning  quota builds that run at once" in account.doctor()
    account.set_builds(10)
    assert account.doctor().startswith("good: ")


def test_what_was_taken_down_is_deployed_again_and_runs_what_was_released(account: Account) -> None:
    released = _running(account.cloud, "shop-staging")
    assert "@sha256:" in released
    assert "TerminationProtection" in account.cdk("destroy", "ShopStagingState", "--exclusively", "--force", fails=True)
    account.cdk("destroy", *DELETED, "--exclusively", "--force")
    for cloud in (account.cloud, account.production):
        with pytest.raises(ClientError, match="does not exist"):
            cloud.client("cloudformation").describe_stacks(StackName="Network")
    report = account.doctor()
    assert "repository pythonbase: it exists, but the stack Pythonbase that would create it does not" in report
    assert "service shop-staging: it is declared but not deployed" in report

    account.deploy("--all", "--import-existing-resources")
    assert _running(account.cloud, "shop-staging") == released == _running(account.production, "shop-production")
    execution, *_ = wait_for(lambda: _ended(account.pipeline), seconds=300)
    assert execution["status"] == "Succeeded", account.pipeline.failure(execution)
    assert account.doctor().startswith("good: ")


def _ended(pipeline: Pipeline) -> list[Execution] | None:
    """All executions once none runs and the newest has not failed for want of the connection."""
    found = pipeline.executions()
    running = any(item["status"] in ("InProgress", "Stopping") for item in found)
    waits = found and found[0]["status"] == "Failed" and "not available" in str(found[0].get("statusSummary"))
    return None if running or waits or not found else found


def _running(cloud: Cloud, service: str) -> str:
    """The image of the service's task definition."""
    ecs = cloud.client("ecs")
    (arn,) = [
        arn
        for cluster in ecs.list_clusters()["clusterArns"]
        for arn in ecs.list_services(cluster=cluster)["serviceArns"]
        if arn.endswith(f"/{service}")
    ]
    found = ecs.describe_services(cluster=arn.split("/")[1], services=[arn])["services"][0]
    definition = ecs.describe_task_definition(taskDefinition=found["taskDefinition"])["taskDefinition"]
    return str(definition["containerDefinitions"][0]["image"])
