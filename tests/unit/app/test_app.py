"""app.py from outside: bad settings, other settings files, and the same templates everywhere and always."""

from __future__ import annotations

import json
import re
import subprocess
import tarfile
import time
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from tests.unit.application import Application, assets, copy_of_the_repository, templates, tools_environment
from tests.unit.conftest import Synthesized
from tests.unit.synthesis import ACCOUNT, CONTEXT, ROOT

BAD = "services:\n  - name: Orders\n    repository: acme/orders\n    port: 99999\n"


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Application:
    return Application(copy_of_the_repository(tmp_path_factory.mktemp("app") / "repository"))


# -- bad settings ------------------------------------------------------------------------------------------------------


def test_bad_settings_end_with_all_mistakes_and_nothing_synthesized(application: Application, tmp_path: Path) -> None:
    (application.root / "bad.yaml").write_text(BAD)
    code, stdout, stderr = application.start(tmp_path / "out", config="bad.yaml").result()
    assert (code, stdout) == (1, "")
    assert "bad.yaml:2" in stderr
    assert "bad.yaml:4" in stderr
    assert "99999" in stderr
    assert "Traceback" not in stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_a_missing_settings_file_is_named(application: Application, tmp_path: Path) -> None:
    code, stdout, stderr = application.start(tmp_path / "out", config="nowhere.yaml").result()
    assert (code, stdout) == (1, "")
    assert "nowhere.yaml" in stderr
    assert "Traceback" not in stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_the_cdk_command_fails_with_the_message(application: Application, tmp_path: Path) -> None:
    (application.root / "bad.yaml").write_text(BAD)
    cdk = [str(ROOT / "node_modules" / ".bin" / "cdk"), "synth", "--quiet", "-c", "config=bad.yaml"]
    done = subprocess.run(
        [*cdk, "--output", str(tmp_path / "out"), "--no-notices", "--no-version-reporting"],
        cwd=application.root,
        env=tools_environment(application.root) | {"CDK_DISABLE_CLI_TELEMETRY": "true", "CI": "true"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "bad.yaml:2" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not list((tmp_path / "out").glob("*.template.json"))


# -- determinism -------------------------------------------------------------------------------------------------------


def test_two_folders_two_users_and_two_times_give_the_same_bytes(synthesized: Synthesized) -> None:
    first, second = templates(synthesized.first), templates(synthesized.second)
    assert {"Pythonbase.template.json", "Network.template.json", "Hello.template.json"} <= first.keys()
    assert first == second
    assert assets(synthesized.first) == assets(synthesized.second) != set()


def test_account_and_region_from_the_settings_give_the_same_as_from_the_environment(synthesized: Synthesized) -> None:
    # This also proves that `-c config=other.yaml` reads the other file: nothing else names the account here.
    assert templates(synthesized.configured) == templates(synthesized.first)
    assert assets(synthesized.configured) == assets(synthesized.first)


def test_no_time_and_no_path_of_the_machine_is_in_a_template(synthesized: Synthesized) -> None:
    now = int(time.time())
    today = time.strftime("%Y-%m-%d")
    for name, content in templates(synthesized.first).items():
        text = content.decode()
        assert today not in text, name
        assert not re.search(rf"\b{now // 10_000}\d{{4}}", text), name
        assert str(synthesized.roots[0].parent) not in text, name
        assert "alice" not in text, name


def test_synthesis_needs_no_context_lookup_and_writes_no_context(synthesized: Synthesized) -> None:
    manifest = json.loads((synthesized.first / "manifest.json").read_text())
    assert not manifest.get("missing")
    assert not [name for root in synthesized.roots for name in root.rglob("cdk.context.json")]
    assert ACCOUNT in templates(synthesized.first)["Hello.template.json"].decode()


def test_another_account_gives_other_templates(
    application: Application, tmp_path: Path, synthesized: Synthesized
) -> None:
    other = Application(application.root, {"CDK_DEFAULT_ACCOUNT": "444455556666", "CDK_DEFAULT_REGION": "eu-central-1"})
    out = other.start(tmp_path / "out").succeeded()
    assert templates(out).keys() == templates(synthesized.first).keys()
    assert templates(out)["Hello.template.json"] != templates(synthesized.first)["Hello.template.json"]
    assert assets(out) == assets(synthesized.first)


# -- cdk.json ----------------------------------------------------------------------------------------------------------


def _recommended_flags() -> dict[str, object]:
    """The flags that aws-cdk-lib recommends for new projects, from the page in its package."""
    (archive,) = (item for item in _files("aws_cdk._jsii") if item.name.endswith(".tgz"))
    with tarfile.open(archive) as package:
        page = package.extractfile("package/cx-api/FEATURE_FLAGS.md")
        assert page
        text = page.read().decode()
    block = text.split("<!-- BEGIN json -->")[1].split("<!-- END json -->")[0]
    flags: dict[str, object] = json.loads(block[block.index("{") : block.rindex("}") + 1])["context"]
    return flags


def _files(package: str) -> Iterator[Path]:
    with resources.as_file(resources.files(package)) as folder:
        yield from folder.iterdir()


def test_the_flags_are_those_that_the_library_recommends() -> None:
    recommended = _recommended_flags()
    assert len(recommended) > 50
    assert recommended == CONTEXT


def test_findings_of_template_validation_are_errors() -> None:
    assert CONTEXT["@aws-cdk/core:validateAgainstDefaultRules"] is True
