"""The base image's build, run by deployments."""

from __future__ import annotations

import shutil
from pathlib import Path

from pythonbase_localcloud.testing.cloud import ROOT, Cloud

CONFIG = """\
base_images:
  - name: brokenbase
"""


def _configuration(folder: Path, dockerfile: str) -> Path:
    images = folder / "images" / "brokenbase"
    shutil.copytree(ROOT / "images" / "pythonbase", images, dirs_exist_ok=True)
    (images / "Dockerfile").write_text(dockerfile)
    config = folder / "platform.yaml"
    config.write_text(CONFIG)
    return config


def test_a_base_image_that_does_not_build_fails_the_deployment_with_its_reason(cloud: Cloud, tmp_path: Path) -> None:
    broken = _configuration(
        tmp_path, 'ARG UPSTREAM_IMAGE\nFROM ${UPSTREAM_IMAGE}\nRUN echo "no such compiler here" && exit 9\n'
    )
    cloud.run("cdk", "bootstrap", f"aws://{cloud.account}/{cloud.region}", cwd=tmp_path)
    deployed = cloud.cdk("deploy", "Brokenbase", "--require-approval", "never", config=broken, check=False)

    assert deployed.returncode != 0
    output = deployed.stdout + deployed.stderr
    assert "exit code: 9" in output, output
    assert "log: " in output
