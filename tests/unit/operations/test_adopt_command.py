"""The command `pythonbase adopt`: options, reports, exit codes, and files that cannot be read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pythonbase_operations.adopt import discovery
from pythonbase_operations.cli import main

MIRROR_OR_BASE = (
    "write public.ecr.aws/docker/library/nginx:1.29, ECR Public's mirror of it, or start from the base image"
)
DENY = ("--official-images", "deny")
HUB = "FROM python:3.13-slim\nCOPY --from=nginx:1.29 /a /a\n"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, and what is printed on both ways."""
    try:
        code = main(["adopt", *arguments])
    except SystemExit as end:
        code = int(end.code or 0)
    output = capsys.readouterr()
    assert "Traceback" not in output.err
    return code, output.out, output.err


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    code, out, _ = run(capsys, *arguments)
    assert code == 0
    return json.loads(out)


def test_the_report_says_what_builds_do_with_each_reference(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository / "Dockerfile").write_text("# syntax=docker/dockerfile:1\n" + HUB)
    (repository / "compose.yaml").write_text("services:\n  db:\n    image: postgres:18\n  x:\n    image: $X\n")
    code, out, err = run(capsys, ".", *DENY)
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "Dockerfile:1: # syntax docker/dockerfile:1: own frontend",
        "Dockerfile:2: FROM python:3.13-slim: base image; write ${BASE_IMAGE}",
        f"Dockerfile:3: COPY --from nginx:1.29: refused; {MIRROR_OR_BASE}",
        "compose.yaml:3: services.db.image postgres:18: not enforced, the source policy does not apply",
        "compose.yaml:5: services.x.image $X: not judged, it depends on a variable",
        "4 references to Docker Hub in 2 files: 1 own frontend, 1 base image, 1 refused, 1 not enforced",
    ]


def test_check_fails_if_a_build_would_be_refused(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / "Dockerfile").write_text(HUB)
    assert run(capsys, ".", "--check", *DENY)[0] == 1
    assert run(capsys, ".", *DENY)[0] == 0
    assert run(capsys, ".", "--check")[0] == 0, "official images come from ECR Public"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Dockerfile", "FROM python:3.13\n"),
        ("Dockerfile", "FROM redis AS unused\nFROM python:3.13\n"),
        ("compose.yaml", "services: {db: {image: redis}}\n"),
        ("bitbucket-pipelines.yml", "image: node:24\n"),
    ],
)
def test_check_passes_if_no_build_would_be_refused(
    repository: Path, capsys: pytest.CaptureFixture[str], name: str, text: str
) -> None:
    (repository / name).write_text(text)
    assert run(capsys, ".", "--check")[0] == 0


def test_the_report_says_if_there_is_nothing_to_do(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, ".")[1] == (
        "nothing to do: no Dockerfile, compose file, buildspec or Bitbucket pipeline was read in .\n"
    )
    (repository / "Dockerfile").write_text("ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nFROM scratch\n")
    assert run(capsys, ".")[1] == "nothing to do: no reference to Docker Hub in 1 file\n"
    assert run(capsys, ".", "--write", "--format", "json")[0] == 0


def test_files_that_cannot_be_read_get_one_line_each(
    repository: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, data in {
        "Dockerfile": b"FROM python:3.13\n",
        "Dockerfile.binary": b"FROM x\0\xff",
        "Dockerfile.huge": b"#" * (discovery.LARGEST + 1),
        "Dockerfile.malformed": b"FROM nginx\nPULL\x1b[31m redis\n",
        "Dockerfile.name\nwith\udce9ends": b"",
        "Dockerfile.secret": b"FROM nginx\n",
        "Dockerfile.long": b"FROM " + b"a" * 5000 + b"\n",
        "compose.yaml": b"services: [\n",
        "compose.latin.yaml": b"# caf\xe9\n",
        "buildspec.yml": b"{" * discovery.LARGEST,
        "bitbucket-pipelines.yml": b"a: &a [*b]\n",
    }.items():
        (repository / os.fsdecode(os.fsencode(name))).write_bytes(data)
    (repository / "Dockerfile.dangling").symlink_to("nowhere")
    (repository / "Dockerfile.circle").symlink_to("Dockerfile.circle")
    (repository / "Dockerfile.folder").mkdir()
    os.mkfifo(repository / "Dockerfile.pipe")
    read_bytes = Path.read_bytes

    def guarded(path: Path) -> bytes:
        if path.name == "Dockerfile.secret":
            raise PermissionError(13, "Permission denied")
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", guarded)
    code, out, err = run(capsys, ".", "--check")
    assert (code, err) == (2, "")
    lines = out.splitlines()
    assert lines[0] == "Dockerfile:1: FROM python:3.13: base image; write ${BASE_IMAGE}"
    about = dict(line.split(": ", 1) for line in lines[1:-1])
    assert about.pop("Dockerfile.long:1").endswith("…")
    assert about == {
        "Dockerfile.binary": "binary, not text",
        "Dockerfile.circle": "cannot be read: a loop of symbolic links",
        "Dockerfile.dangling": "cannot be read: No such file or directory",
        "Dockerfile.huge": "too large: 1048577 bytes, at most 1048576 are read",
        "Dockerfile.malformed:2": "unknown instruction PULL\\x1b[31m",
        "Dockerfile.name\\nwith\\udce9ends": "an empty Dockerfile",
        "Dockerfile.pipe": "not a regular file",
        "Dockerfile.secret": "cannot be read: Permission denied",
        "buildspec.yml:1": "nested too deeply",
        "bitbucket-pipelines.yml:1": "not YAML: found undefined alias",
        "compose.latin.yaml": "not text in UTF-8",
        "compose.yaml:2": about["compose.yaml:2"],
    }
    assert about["compose.yaml:2"].startswith("not YAML: ")
    assert lines[-1] == "1 reference to Docker Hub in 1 file: 1 base image, 13 files not read"
    assert run(capsys, ".")[0] == 0, "only --check fails"


def test_folders_of_tools_and_virtual_environments_are_skipped(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in (".git", "node_modules/x", ".venv", "env", "src"):
        (repository / folder).mkdir(parents=True)
        (repository / folder / "Dockerfile").write_text(HUB)
    (repository / "env" / "pyvenv.cfg").write_text("")
    assert document(capsys, ".", "--format", "json")["files"] == ["src/Dockerfile"]


def test_dockerfiles_of_any_name_are_read_if_another_file_refers_to_them(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("compose", "ci", "named"):
        (repository / name).write_text("FROM redis\n")
    (repository / "compose.yaml").write_text("services: {a: {build: {context: ., dockerfile: compose}}}\n")
    (repository / "buildspec.yml").write_text("phases: {build: {commands: [docker build -f ci .]}}\n")
    assert document(capsys, ".", "named", "./named", "--format", "json")["files"] == [
        "buildspec.yml",
        "ci",
        "compose",
        "compose.yaml",
        "named",
    ]


def test_json_has_every_field(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / "Dockerfile").write_text(HUB)
    (repository / "Dockerfile.bad").write_text("FROM\n")
    (repository / "compose.yaml").write_text("services: {a: {image: $X}}\n")
    found = document(capsys, ".", "--format", "json", *DENY)
    assert found["references"] == [
        {
            "path": "Dockerfile",
            "line": 1,
            "place": "FROM",
            "written": "python:3.13-slim",
            "reference": "docker.io/library/python:3.13-slim",
            "outcome": "base image",
            "reach": "built",
            "fails": False,
            "replacement": "${BASE_IMAGE}",
            "advice": None,
        },
        {
            "path": "Dockerfile",
            "line": 2,
            "place": "COPY --from",
            "written": "nginx:1.29",
            "reference": "docker.io/library/nginx:1.29",
            "outcome": "refused",
            "reach": "built",
            "fails": True,
            "replacement": None,
            "advice": MIRROR_OR_BASE,
        },
    ]
    assert found["not_judged"] == [{"path": "compose.yaml", "line": 1, "place": "services.a.image", "written": "$X"}]
    assert [(problem["path"], problem["line"]) for problem in found["problems"]] == [("Dockerfile.bad", 1)]
    assert (found["version"], found["rewritten"]) == (1, [])


def test_sarif_has_a_result_for_each_reference(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / "a folder").mkdir()
    (repository / "a folder" / "Dockerfile").write_text(HUB)
    (repository / "Dockerfile").write_text("FROM\n")
    (repository / "compose.yaml").write_text("services: {a: {image: acme/x}}\n")
    found = document(capsys, ".", "--format", "sarif", *DENY)
    assert found["version"] == "2.1.0"
    (sarif_run,) = found["runs"]
    rules = [rule["id"] for rule in sarif_run["tool"]["driver"]["rules"]]
    shown = []
    for result in sarif_run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        place = result["locations"][0]["physicalLocation"]
        shown.append(
            (place["artifactLocation"]["uri"], place["region"]["startLine"], result["ruleId"], result["level"])
        )
    assert shown == [
        ("a%20folder/Dockerfile", 1, "docker-hub-base-image", "note"),
        ("a%20folder/Dockerfile", 2, "docker-hub-refused", "error"),
        ("compose.yaml", 1, "docker-hub-refused", "warning"),
    ]
    (notification,) = sarif_run["invocations"][0]["toolExecutionNotifications"]
    assert notification["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "Dockerfile"


def test_write_rewrites_files_and_reports_them(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / "Dockerfile").write_text(HUB)
    (repository / "Dockerfile.other").write_text("FROM acme/tool\n")
    code, out, _ = run(capsys, ".", "--write", *DENY)
    assert code == 0
    assert "Dockerfile: rewritten\n" in out
    assert out.endswith("; 1 file rewritten\n")
    assert (repository / "Dockerfile").read_text() == (
        "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nCOPY --from=nginx:1.29 /a /a\n"
    )
    assert "0 files rewritten" in run(capsys, ".", "--write", *DENY)[1]


def test_the_policy_comes_from_a_settings_file_and_options_take_precedence(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository / "Dockerfile").write_text("FROM python:3.12\nFROM golang:1\nFROM redis\nFROM acme/x\n")
    (repository / "platform.yaml").write_text("""\
environment: {region: eu-central-1}
base_images:
  - name: pythonbase
    stands_in_for: ["python:3.12"]
  - name: gobase
    stands_in_for: ["golang:1"]
docker_hub: {official_images: ecr-public}
unknown: {to: this command}
""")

    def outcomes(*options: str) -> list[tuple[str, str | None]]:
        found = document(capsys, "Dockerfile", "--format", "json", "--config", "platform.yaml", *options)
        return [(reference["outcome"], reference["replacement"]) for reference in found["references"]]

    mirror = "public.ecr.aws/docker/library"
    assert outcomes() == [
        ("base image", "${BASE_IMAGE}"),
        ("mirrored", f"{mirror}/golang:1"),
        ("mirrored", f"{mirror}/redis:latest"),
        ("refused", None),
    ]
    assert outcomes("--base-image-name", "gobase", "--convention", "account-id")[:2] == [
        ("mirrored", f"{mirror}/python:3.12"),
        ("base image", "${Account_ID}.dkr.ecr.eu-central-1.amazonaws.com/gobase"),
    ]
    assert [outcome for outcome, _ in outcomes("--stands-in-for", "redis", "acme/x", "--official-images", "deny")] == [
        "refused",
        "refused",
        "base image",
        "base image",
    ]
    both = ("--official-images", "pull-through-cache", "--other-images", "pull-through-cache")
    assert outcomes(*both)[-1] == ("mirrored", "PULL_THROUGH_CACHE/acme/x:latest")


@pytest.mark.parametrize(
    ("settings", "options", "repository_name"),
    [
        ("{prefix: shop}", [], "shop-pythonbase"),
        ("{prefix: shop, base_images: [{name: gobase}, {name: slim}]}", [], "shop-gobase"),
        ("{prefix: shop, base_images: [{name: gobase}, {name: slim}]}", ["--base-image-name", "slim"], "shop-slim"),
        ("{prefix: shop}", ["--base-image-name", "shop-pythonbase"], "shop-pythonbase"),
    ],
)
def test_a_base_image_has_the_name_of_its_repository_in_aws(
    repository: Path, capsys: pytest.CaptureFixture[str], settings: str, options: list[str], repository_name: str
) -> None:
    (repository / "Dockerfile").write_text("FROM python:3.13\n")
    (repository / "platform.yaml").write_text(settings)
    convention = ("--config", "platform.yaml", "--convention", "account-id", "--region", "eu-west-1")
    (reference,) = document(capsys, "Dockerfile", "--format", "json", *convention, *options)["references"]
    assert reference["replacement"] == f"${{Account_ID}}.dkr.ecr.eu-west-1.amazonaws.com/{repository_name}"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["missing"], "missing: no such file or folder"),
        ([".", "--config", "none.yaml"], "none.yaml: cannot be read: No such file or directory"),
        ([".", "--config", "bad.yaml"], "bad.yaml:1: not YAML"),
        ([".", "--config", "list.yaml"], "list.yaml:1: stands_in_for must be a list of images"),
        ([".", "--config", "list.yaml", "--base-image-name", "x"], "must be one of base_images (pythonbase), got 'x'"),
        ([".", "--config", "hub.yaml"], "'everything' is not a valid Mirror"),
        ([".", "--stands-in-for", "ghcr.io/x/y"], "got 'ghcr.io/x/y'"),
        ([".", *DENY, "--other-images", "pull-through-cache"], "official_images must have a mirror"),
        ([".", "--convention", "account-id"], "--convention account-id needs --region"),
        ([".", "--convention", "account-id", "--region", "here"], "got 'here'"),
        ([".", "--convention", "account-id", "--region", "eu-west-1", "--base-image-name", "A"], "got 'A'"),
        ([".", "--check", "--write"], "not allowed with"),
        ([], "PATH"),
    ],
)
def test_wrong_options_are_one_message(
    repository: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    (repository / "bad.yaml").write_text("a: ]\n")
    (repository / "list.yaml").write_text("base_images: [{stands_in_for: python}]\n")
    (repository / "hub.yaml").write_text("docker_hub: {official_images: everything}\n")
    code, out, err = run(capsys, *options)
    assert (code, out) == (2, "")
    assert said in err


def test_without_the_extra_the_command_says_what_to_install() -> None:
    script = (
        "import sys; sys.modules['dockerfile'] = None\n"
        "from pythonbase_operations.cli import main; sys.exit(main(['adopt', '.']))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "pythonbase: dockerfile is missing; pip install 'pythonbase[operations]'\n"


def test_the_command_imports_nothing_of_the_application() -> None:
    script = (
        "import sys; import pythonbase_operations.adopt.command\n"
        "loaded = {name.split('.')[0] for name in sys.modules}\n"
        "print(sorted(loaded & {'aws_cdk', 'boto3', 'constructs', 'jsii', 'stacks'}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
