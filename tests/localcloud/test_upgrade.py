"""A platform that the previous version deployed is deployed by this one.

`previous_version/assembly.tar.xz` is what the commit 2ee57d8 synthesizes to for CONFIGURATION, without metadata:
`cdk synth -c config=…`, then the files `*.metadata.json` and `tree.json` and what the manifest says of them taken out.
"""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pytest

from pythonbase_localcloud.demo import aws_client, bitbucket
from pythonbase_localcloud.demo.cdk import Cdk
from pythonbase_localcloud.demo.configuration import Configuration
from pythonbase_localcloud.demo.run import Demo
from pythonbase_localcloud.instance import Instance, find
from pythonbase_localcloud.machine.progress import reporter
from pythonbase_localcloud.setup import lifecycle
from pythonbase_localcloud.testing.cloud import ROOT
from trials.fault_table import changes
from trials.fault_table.client import Client
from trials.fault_table.pipeline import Pipeline
from trials.fault_table.target import Target

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("upgrade")]

ASSEMBLY = Path(__file__).parent / "previous_version" / "assembly.tar.xz"
CONFIGURATION = """\
environment: {account: "000000000000", region: eu-west-1}
services:
  - name: shop
    repository: acme/store
    test: python -c 'import sys; sys.path.insert(0, "/opt"); import app'
    environment: {TEMPLATE: "0"}
"""
IMAGE = "/pythonbase/services/shop/image"


def test_nothing_is_lost_and_nothing_is_released_anew(worker_id: str, tmp_path: Path) -> None:
    default = find(start=ROOT)
    instance = Instance(root=default.root, home=default.cache.parent / f"upgrade-{worker_id}", cache=default.cache)
    lifecycle.clean(instance, report=reporter(quiet=True))
    try:
        _upgrade(instance, tmp_path)
    finally:
        lifecycle.down(instance, report=reporter(quiet=True))


def _upgrade(instance: Instance, folder: Path) -> None:
    config, previous = folder / "platform.yaml", folder / "previous"
    config.write_text(CONFIGURATION)
    with tarfile.open(ASSEMBLY) as archive:
        archive.extractall(previous, filter="data")
    configuration = Configuration.load(config)
    account, region = configuration.account, configuration.region

    def client(service: str) -> Any:
        return aws_client.client(instance, service, account=account, region=region)

    lifecycle.up(instance, account=account, region=region, upstreams=configuration.upstreams, report=reporter())
    pipeline = Pipeline(
        instance=instance,
        codepipeline=client("codepipeline"),
        name="shop",
        repository="acme/store",
        folder=folder,
    )
    bitbucket.create_repository(instance, pipeline.repository, "main")
    pipeline.push(changes.version("one"), "The first version")  # which the first execution of the pipeline releases
    Demo(instance, configuration, reporter(), assembly=previous).run()
    shop = Target(instance=instance, clients=client, service="shop")
    execution = pipeline.wait_for_end(pipeline.push(changes.version("two"), "A second version"))
    assert execution["status"] == "Succeeded", pipeline.failure(execution)
    released, record = shop.recorded(), shop.release()
    versions = _versions(client("ssm"))

    cdk = Cdk(instance=instance, account=account, region=region, config=config)
    before = cdk.diff()
    for name in ("Image", "BaseImage", "Release"):
        assert f"[+] Custom::ParameterPutOnce Release/Record/{name}" in before, before
    assert "[-] AWS::SSM::Parameter" in before
    assert "Custom::NewestRevision" in before
    # The old parameters leave the template and stay.
    assert "destroy" not in before.lower(), before
    with Client(shop.url) as visitor:
        cdk.deploy()
        pipeline.settle()
        shop.settle()
    assert (visitor.failures, visitor.answers) == ([], ["two 0"])
    assert shop.recorded() == released
    assert shop.running() == {released}
    assert shop.release() == record
    assert _versions(client("ssm")) == versions, "something was released anew"
    assert "Number of stacks with differences: 0" in cdk.diff()

    execution = pipeline.wait_for_end(pipeline.push(changes.version("three"), "A third version"))
    assert execution["status"] == "Succeeded", pipeline.failure(execution)
    assert shop.get() == "three 0"
    assert _versions(client("ssm")) == versions + 1
    assert "Number of stacks with differences: 0" in cdk.diff()


def _versions(ssm: Any) -> int:
    return len(ssm.get_parameter_history(Name=IMAGE)["Parameters"])


def test_the_assembly_has_the_record_as_the_previous_version_had_it(tmp_path: Path) -> None:
    with tarfile.open(ASSEMBLY) as archive:
        archive.extractall(tmp_path, filter="data")
    text = (tmp_path / "ShopState.template.json").read_text()
    assert text.count('"AWS::SSM::Parameter"') == 3
