"""The wheel of the library, installed outside the repository, as teams use it."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from tests.unit.application import UNPACKED
from tests.unit.synthesis import ROOT

CONSUMER = ROOT / "examples" / "consumer"
RUN_THE_APP = """
import json, runpy
import constructs, pythonbase, pythonbase_buildspecs
runpy.run_path("app.py")
print(json.dumps([pythonbase.__file__, pythonbase_buildspecs.__file__, constructs.__file__]))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of an environment with the wheel. Its dependencies are those of the environment around the tests."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    executable = folder / "bin" / "python"
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(executable),
        "install",
        "--no-deps",
        "--no-index",
        "--quiet",
    ]
    subprocess.run([*install, "--disable-pip-version-check", str(wheel)], check=True, capture_output=True, timeout=120)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    # A path, not a site folder: its own .pth files, such as the one of the editable installation, are not read.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return executable


def _contents(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def consumer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The app of another team, outside this repository."""
    return shutil.copytree(
        CONSUMER,
        tmp_path_factory.mktemp("consumer") / "app",
        ignore=shutil.ignore_patterns("dist", "cdk.out", ".venv", "__pycache__"),
    )


def test_another_team_synthesizes_its_app_with_the_wheel(python: Path, consumer: Path, tmp_path: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"])  # where Node is
    done = subprocess.run(
        [str(python), "-I", "-c", RUN_THE_APP],
        cwd=consumer,
        env={"PATH": path, "HOME": str(tmp_path), "CDK_OUTDIR": str(tmp_path / "out"), **UNPACKED},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    library, buildspecs, constructs = (Path(name) for name in json.loads(done.stdout))
    for module in (library, buildspecs):
        assert module.is_relative_to(python.parents[1]), "not from the wheel"
    assert constructs.is_relative_to(sysconfig.get_path("purelib"))
    templates = [json.loads(file.read_text()) for file in (tmp_path / "out").glob("*.template.json")]
    kinds = {resource["Type"] for template in templates for resource in template["Resources"].values()}
    assert {"AWS::CodePipeline::Pipeline", "AWS::ECS::Service", "AWS::ECR::Repository", "Custom::ImageBuild"} <= kinds


def _checked(python: Path, app: Path, cache: Path) -> subprocess.CompletedProcess[str]:
    """The output of mypy for the app. ``make lint`` checks it with the CDK library, which takes a minute."""
    settings = cache / "mypy.ini"
    settings.write_text("[mypy]\nstrict = true\n[mypy-aws_cdk.*,constructs.*]\nfollow_imports = skip\n")
    command = [sys.executable, "-m", "mypy", "--config-file", str(settings), "--cache-dir", str(cache / "mypy")]
    return subprocess.run(
        [*command, "--python-executable", str(python), app.name],
        cwd=app.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def test_the_types_of_the_wheel_are_known_to_another_team(python: Path, consumer: Path, tmp_path: Path) -> None:
    done = _checked(python, consumer / "app.py", tmp_path)
    assert (done.returncode, done.stdout) == (0, "Success: no issues found in 1 source file\n"), done.stderr
    wrong = consumer / "wrong.py"
    wrong.write_text((CONSUMER / "app.py").read_text().replace("port=8080", 'port="8080"'))
    done = _checked(python, wrong, tmp_path)
    assert 'Argument "port" to "WebService" has incompatible type "str"; expected "int"' in done.stdout


def test_the_consumer_requires_the_wheel_by_its_name(wheel: Path) -> None:
    lines = (CONSUMER / "requirements.txt").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == [f"./dist/{wheel.name}"]


def test_the_wheel_has_types_templates_and_the_handlers(wheel: Path) -> None:
    assert {
        "pythonbase/py.typed",
        "pythonbase_buildspecs/py.typed",
        "pythonbase_operations/py.typed",
        "pythonbase_settings/py.typed",
        "pythonbase/images/handlers/image_build/index.py",
        "pythonbase/monitoring/handlers/build_status/index.py",
        "pythonbase/services/handlers/newest_revision/index.py",
        "pythonbase_buildspecs/templates/image.yml",
        "pythonbase_buildspecs/templates/base_image.sh",
        "pythonbase_buildspecs/templates/service_image.sh",
    } <= _contents(wheel)


def test_the_wheel_has_every_source_of_the_library_and_nothing_else(wheel: Path) -> None:
    sources = {
        path.relative_to(root).as_posix()
        for root in (ROOT / "constructs", ROOT / "buildspecs", ROOT / "operations", ROOT / "settings")
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    metadata = {name for name in _contents(wheel) if name.split("/")[0].endswith(".dist-info")}
    assert _contents(wheel) - metadata == sources
    packages = {"pythonbase", "pythonbase_buildspecs", "pythonbase_operations", "pythonbase_settings"}
    assert {name.split("/")[0] for name in sources} == packages


def _requirements(wheel: Path, *, extra: str | None) -> set[str]:
    """Names of required packages: without an extra, or those that the extra adds."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
    lines = [line.partition(";") for line in metadata.get_all("Requires-Dist", [])]
    marker = "" if extra is None else f"extra == '{extra}'"
    chosen = [line for line, _, condition in lines if condition.strip().replace('"', "'") == marker]
    return {re.split("[^a-z0-9-]", line.lower())[0] for line in chosen}


_OF_THE_COMMAND = {"pythonbase_operations", "pythonbase_settings"}
"""Packages that the library does not need: the extra installs what they import."""


def _imported(wheel: Path, *, of_operations: bool) -> set[str]:
    """Names of packages that the code imports, as they are called on PyPI, without this project's and Python's own."""
    with zipfile.ZipFile(wheel) as archive:
        trees = [
            ast.parse(archive.read(item))
            for item in archive.namelist()
            if item.endswith(".py") and (item.split("/")[0] in _OF_THE_COMMAND) == of_operations
        ]
    called = {"aws_cdk": "aws-cdk-lib", "yaml": "pyyaml"}
    imported = set()
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            imported.add(node.module.split(".")[0])
    # known_failures is beside explain.py, also where a build runs it.
    own = {"pythonbase", "pythonbase_buildspecs", "known_failures", *_OF_THE_COMMAND}
    return {called.get(name, name.replace("_", "-")) for name in imported - own - set(sys.stdlib_module_names)}


def test_the_wheel_requires_the_packages_that_its_code_imports(wheel: Path) -> None:
    # boto3 is imported by the handler only, which runs in Lambda.
    assert _imported(wheel, of_operations=False) - {"boto3"} <= _requirements(wheel, extra=None)


def test_the_extra_installs_what_the_command_imports_and_the_library_does_not_need(wheel: Path) -> None:
    extra = _requirements(wheel, extra="operations")
    assert extra == {"boto3", "botocore", "dockerfile", "pydantic", "pydantic-core", "pyyaml"}
    assert _imported(wheel, of_operations=True) <= extra
    assert not extra & _requirements(wheel, extra=None)


def test_the_command_is_installed_and_runs_from_the_wheel(python: Path, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python:3.13-slim\n")
    done = subprocess.run(
        [str(python.parent / "pythonbase"), "adopt", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Dockerfile:1: FROM python:3.13-slim: base image; write ${BASE_IMAGE}\n")


def test_the_command_reads_the_settings_of_an_application(python: Path, tmp_path: Path) -> None:
    for name in ("stacks/platform.py", "images/pythonbase/Dockerfile"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    (tmp_path / "platform.yaml").write_text("environment:\n  region: europe\n")
    done = subprocess.run(
        [str(python.parent / "pythonbase"), "doctor"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        'pythonbase doctor: platform.yaml:2: environment.region: got "europe"; use an AWS Region such as eu-central-1',
    ]


def test_from_the_repositorys_root_constructs_is_the_package_from_pypi() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import constructs, aws_cdk; print(constructs.__file__)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(sysconfig.get_path("purelib"))


@pytest.mark.parametrize("folder", ["constructs", "buildspecs", "localcloud", "operations", "settings"])
def test_a_source_root_is_no_package(folder: str) -> None:
    assert (ROOT / folder).is_dir()
    assert not (ROOT / folder / "__init__.py").exists()
