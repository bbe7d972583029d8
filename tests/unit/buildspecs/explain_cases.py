"""Logs of failed builds as the builder, registries and tests write them, and what is said of each."""

# Logs have long lines, and signs that look like letters.
# ruff: noqa: E501, RUF001

from __future__ import annotations

import json
from dataclasses import dataclass, field

BUILDER = """\
#0 building with "default" instance using docker driver

#1 [internal] load build definition from Dockerfile
#1 transferring dockerfile: 312B done
#1 DONE 0.0s

#5 [1/4] FROM 000000000000.dkr.ecr.eu-west-1.amazonaws.com/pythonbase:3.13@sha256:0f1e
#5 CACHED

#6 [2/4] COPY . .
#6 DONE 0.1s
"""


def step(instruction: str, output: str, error: str = "exit code: 1", *, line: int = 7) -> str:
    """The log of a build whose last instruction fails."""
    command = json.dumps(f"/bin/sh -c {instruction.removeprefix('RUN ')}")
    message = f"process {command} did not complete successfully: {error}"
    return solved(instruction, message, output=output, line=line)


def solved(instruction: str, message: str, *, output: str = "", own: str = "", line: int = 7) -> str:
    """The log of a build in which BuildKit says `message` of an instruction, and `own` of the step if that differs."""
    lines = output.splitlines()
    timed = [f"{1 + number / 10:.3f} {text}" for number, text in enumerate(lines)]
    marked = "".join(f"{line + number:4} | >>> {text}\n" for number, text in enumerate(instruction.splitlines()))
    return "\n".join([
        BUILDER,
        f"#8 [4/4] {instruction}",
        *(f"#8 {text}" for text in timed),
        f"#8 ERROR: {own or message}",
        "------",
        f" > [4/4] {instruction}:",
        *timed[-10:],
        "------",
        f"Dockerfile:{line}",
        "--------------------",
        f"{line - 2:4} |     WORKDIR /app",
        f"{line - 1:4} |     ",
        f"{marked}{line + 2:4} |     USER app",
        "--------------------",
        f"ERROR: failed to solve: {message}",
        "",
    ])  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One log, and what is printed for it."""

    name: str
    log: str
    said: str
    files: dict[str, str] = field(default_factory=dict)
    dockerfile: str = "Dockerfile"
    environment: dict[str, str] = field(default_factory=dict)


def checksum(name: str) -> str:
    return f'failed to calculate checksum of ref 4ee2::x1bq: "{name}": not found'


def copy(instruction: str, name: str) -> str:
    return solved(instruction, f"failed to compute cache key: {checksum(name)}", own=checksum(name), line=4)


def metadata(name: str, reason: str) -> str:
    return solved(
        f"FROM {name}",
        f"{name}: failed to resolve source metadata for {name}: {reason}",
        own=reason,
        line=1,
    )


PIP = "RUN pip install -r requirements.txt"

CASES = [
    Case(
        "no such version",
        step(
            PIP,
            """Collecting flask==99
  Downloading...
ERROR: Could not find a version that satisfies the requirement flask==99 (from versions: 3.0.3, 3.1.0)
ERROR: No matching distribution found for flask==99""",
        ),
        """\
error: Dockerfile:7: RUN pip install -r requirements.txt: exit code: 1
ERROR: Could not find a version that satisfies the requirement flask==99 (from versions: 3.0.3, 3.1.0)
fix: ask for a version that the index has for this Python, or correct the name
""",
    ),
    Case(
        "no compiler",
        step(
            PIP,
            """Collecting lxml==4.6.0
  Downloading lxml-4.6.0.tar.gz (3.2 MB)
Building wheels for collected packages: lxml
  Building wheel for lxml (pyproject.toml): finished with status 'error'
  error: subprocess-exited-with-error
  building 'lxml.etree' extension
  gcc -fPIC -Isrc -c src/lxml/etree.c
  error: command 'gcc' failed: No such file or directory
  ERROR: Failed building wheel for lxml
ERROR: Failed to build installable wheels for some pyproject.toml based projects (lxml)""",
        ),
        """\
error: Dockerfile:7: RUN pip install -r requirements.txt: exit code: 1
error: command 'gcc' failed: No such file or directory
fix: gcc is not in the image: install build-essential in a build stage, or use a version of lxml that has a wheel (this Python may be newer than its wheels)
""",
    ),
    Case(
        "no header",
        step(
            PIP,
            """  Downloading psycopg2-2.9.tar.gz (380 kB)
  psycopg/psycopgmodule.c:27:10: fatal error: libpq-fe.h: No such file or directory
     27 | #include <libpq-fe.h>
  compilation terminated.
  error: command '/usr/bin/gcc' failed with exit code 1
  ERROR: Failed building wheel for psycopg2""",
        ),
        """\
error: Dockerfile:7: RUN pip install -r requirements.txt: exit code: 1
psycopg/psycopgmodule.c:27:10: fatal error: libpq-fe.h: No such file or directory
fix: libpq-fe.h is not in the image: install build-essential and the -dev package that has it in a build stage, or use a version of psycopg2 that has a wheel (this Python may be newer than its wheels)
""",
    ),
    Case(
        "a program that tells how to compile",
        step(
            PIP,
            """  Downloading psycopg2-2.9.tar.gz (380 kB)
  Getting requirements to build wheel: finished with status 'error'
      Error: pg_config executable not found.
  ERROR: Failed to build psycopg2""",
        ),
        """\
error: Dockerfile:7: RUN pip install -r requirements.txt: exit code: 1
Error: pg_config executable not found.
fix: pg_config is not in the image: install build-essential and the -dev package that has it in a build stage, or use a version of psycopg2 that has a wheel (this Python may be newer than its wheels)
""",
    ),
    Case(
        "no wheel",
        step(
            PIP,
            """Collecting numpy==1.21.0
  Downloading numpy-1.21.0.zip (10.3 MB)
      ModuleNotFoundError: No module named 'distutils'
  ERROR: Failed building wheel for numpy
Failed to build numpy""",
        ),
        """\
error: Dockerfile:7: RUN pip install -r requirements.txt: exit code: 1
ERROR: Failed building wheel for numpy
fix: numpy has no wheel for this Python and is compiled: this Python may be newer than its wheels, so use a version of numpy that has one, or an older Python
""",
    ),
    Case(
        "metadata of an sdist",
        step(
            PIP,
            """Collecting pyyaml==5.3
  Downloading PyYAML-5.3.tar.gz (268 kB)
  Getting requirements to build wheel did not run successfully.
      AttributeError: cython_sources""",
        ),
        """\
error: Dockerfile:7: RUN pip install -r requirements.txt: exit code: 1
AttributeError: cython_sources
fix: PyYAML has no wheel for this Python and is compiled: this Python may be newer than its wheels, so use a version of PyYAML that has one, or an older Python
""",
    ),
    Case(
        "the project itself does not build",
        step(
            "RUN pip install .",
            """Processing /app
  Building wheel for orders (pyproject.toml): finished with status 'error'
      ValueError: Unable to determine which files to ship inside the wheel
  ERROR: Failed building wheel for orders""",
        ),
        """\
error: Dockerfile:7: RUN pip install .: exit code: 1
ValueError: Unable to determine which files to ship inside the wheel
ERROR: Failed building wheel for orders
""",
    ),
    Case(
        "hashes",
        step(
            "RUN pip install --require-hashes -r requirements.txt",
            """ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you have updated the package versions, please update the hashes.
    markupsafe==2.0.1 from https://files.pythonhosted.org/packages/a6/d1/MarkupSafe-2.0.1.tar.gz (from -r requirements.txt (line 14)):
        Expected sha256 1f2a
             Got        c47a""",
        ),
        """\
error: Dockerfile:7: RUN pip install --require-hashes -r requirements.txt: exit code: 1
ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you have updated the package versions, please update the hashes.
fix: the hashes in the requirements are not those of the packages: pin all of them again, for example with pip-compile
""",
    ),
    Case(
        "hashes that are missing",
        step(
            PIP,
            """Collecting six>=1.4
ERROR: In --require-hashes mode, all requirements must have their versions pinned with ==. These do not:
    six>=1.4 from https://files.pythonhosted.org/packages/six-1.16.0-py2.py3-none-any.whl (from x==1->-r requirements.txt (line 1))""",
        ),
        """\
error: Dockerfile:7: RUN pip install -r requirements.txt: exit code: 1
ERROR: In --require-hashes mode, all requirements must have their versions pinned with ==. These do not:
fix: the hashes in the requirements are not those of the packages: pin all of them again, for example with pip-compile
""",
    ),
    Case(
        "DNS of the index",
        step(
            PIP,
            """WARNING: Retrying (Retry(total=4, connect=None, read=None, redirect=None, status=None)) after connection broken by 'NewConnectionError(\'<pip._vendor.urllib3.connection.HTTPSConnection object at 0x7f>: Failed to establish a new connection: [Errno -3] Temporary failure in name resolution\')': /simple/flask/
WARNING: Retrying (Retry(total=0, connect=None, read=None, redirect=None, status=None)) after connection broken by 'NewConnectionError(\'<pip._vendor.urllib3.connection.HTTPSConnection object at 0x7f>: Failed to establish a new connection: [Errno -3] Temporary failure in name resolution\')': /simple/flask/
ERROR: Could not find a version that satisfies the requirement flask (from versions: none)
ERROR: No matching distribution found for flask""",
        ),
        """\
error: Dockerfile:7: RUN pip install -r requirements.txt: exit code: 1
WARNING: Retrying (Retry(total=0, connect=None, read=None, redirect=None, status=None)) after connection broken by 'NewConnectionError('<pip._vendor.urllib3....w connection: [Errno -3] Temporary failure in name resolution')': /simple/flask/
fix: the build cannot reach this server: check its name, and the network and proxy of the build
""",
    ),
    Case(
        "a retry that helped",
        step(
            PIP,
            """WARNING: Retrying (Retry(total=4, connect=None)) after connection broken by 'Connection refused': /simple/flask/
ERROR: No matching distribution found for flask==99""",
        ),
        """\
error: Dockerfile:7: RUN pip install -r requirements.txt: exit code: 1
ERROR: No matching distribution found for flask==99
fix: ask for a version that the index has for this Python, or correct the name
""",
    ),
    Case(
        "DNS with uv",
        step(
            "RUN uv sync --frozen",
            """Using CPython 3.13.1 interpreter at: /usr/local/bin/python3
  × Failed to download `flask==3.1.0`
  ├─▶ Failed to fetch:
  │   `https://files.pythonhosted.org/packages/flask-3.1.0-py3-none-any.whl`
  ├─▶ client error (Connect)
  ╰─▶ dns error: failed to lookup address information: Temporary failure in name
      resolution""",
            "exit code: 2",
        ),
        """\
error: Dockerfile:7: RUN uv sync --frozen: exit code: 2
╰─▶ dns error: failed to lookup address information: Temporary failure in name
fix: the build cannot reach this server: check its name, and the network and proxy of the build
""",
    ),
    Case(
        "a private index refuses",
        step(
            PIP,
            """Looking in indexes: https://ci:secret@pypi.acme.example/simple
WARNING: 401 Error, Credentials not correct for https://ci:secret@pypi.acme.example/simple/acme/
ERROR: Could not find a version that satisfies the requirement acme (from versions: none)
ERROR: No matching distribution found for acme""",
        ),
        """\
error: Dockerfile:7: RUN pip install -r requirements.txt: exit code: 1
WARNING: 401 Error, Credentials not correct for https://***@pypi.acme.example/simple/acme/
fix: the package index refuses the credentials of this step (401 or 403): check the token and its expiry
""",
    ),
    Case(
        "uv finds no versions",
        step(
            "RUN uv sync",
            """  × No solution found when resolving dependencies:
  ╰─▶ Because only flask<=3.1.0 is available and orders depends on flask>=99, we can conclude that orders's requirements are unsatisfiable.""",
        ),
        """\
error: Dockerfile:7: RUN uv sync: exit code: 1
× No solution found when resolving dependencies:
╰─▶ Because only flask<=3.1.0 is available and orders depends on flask>=99, we can conclude that orders's requirements are unsatisfiable.
""",
    ),
    Case(
        "uv compiles",
        step(
            "RUN uv sync",
            """   Building flatdict==4.0.1
  × Failed to build `flatdict==4.0.1`
  ├─▶ The build backend returned an error
  ╰─▶ Call to `setuptools.build_meta:__legacy__.build_wheel` failed (exit
      status: 1)

      [stderr]
      ModuleNotFoundError: No module named 'pkg_resources'""",
        ),
        """\
error: Dockerfile:7: RUN uv sync: exit code: 1
× Failed to build `flatdict==4.0.1`
fix: flatdict has no wheel for this Python and is compiled: this Python may be newer than its wheels, so use a version of flatdict that has one, or an older Python
""",
    ),
    Case(
        "a lock file of uv",
        step(
            "RUN uv sync --locked",
            """Resolved 12 packages in 8ms
error: The lockfile at `uv.lock` needs to be updated, but `--locked` was provided. To update the lockfile, run `uv lock`.""",
            "exit code: 2",
        ),
        """\
error: Dockerfile:7: RUN uv sync --locked: exit code: 2
error: The lockfile at `uv.lock` needs to be updated, but `--locked` was provided. To update the lockfile, run `uv lock`.
fix: the lock file does not fit the project file: lock again, and commit the lock file
""",
    ),
    Case(
        "a lock file of poetry",
        step(
            "RUN poetry install",
            """Installing dependencies from lock file

pyproject.toml changed significantly since poetry.lock was last generated. Run `poetry lock` to fix the lock file.""",
        ),
        """\
error: Dockerfile:7: RUN poetry install: exit code: 1
pyproject.toml changed significantly since poetry.lock was last generated. Run `poetry lock` to fix the lock file.
fix: the lock file does not fit the project file: lock again, and commit the lock file
""",
    ),
    Case(
        "poetry finds no version",
        step(
            "RUN poetry install",
            """Because orders depends on flask (^99) which doesn't match any versions, version solving failed.""",
        ),
        """\
error: Dockerfile:7: RUN poetry install: exit code: 1
Because orders depends on flask (^99) which doesn't match any versions, version solving failed.
""",
    ),
    Case(
        "requirements are not there",
        step(
            PIP,
            """ERROR: Could not open requirements file: [Errno 2] No such file or directory: 'requirements.txt'

[notice] A new release of pip is available: 24.2 -> 25.0""",
        ),
        """\
error: Dockerfile:7: RUN pip install -r requirements.txt: exit code: 1
ERROR: Could not open requirements file: [Errno 2] No such file or directory: 'requirements.txt'
fix: copy requirements.txt into the image before this step
""",
    ),
    Case(
        "apt without update",
        step(
            "RUN apt-get install -y --no-install-recommends libpq5",
            """Reading package lists...
Building dependency tree...
E: Unable to locate package libpq5""",
            "exit code: 100",
        ),
        """\
error: Dockerfile:7: RUN apt-get install -y --no-install-recommends libpq5: exit code: 100
E: Unable to locate package libpq5
fix: run apt-get update in the same RUN, before apt-get install
""",
    ),
    Case(
        "apt of a name that is not there",
        step(
            "RUN apt-get -qq update && \\\n    apt-get install -y libpq99",
            """Reading package lists...
E: Unable to locate package libpq99""",
            "exit code: 100",
        ),
        """\
error: Dockerfile:7: RUN apt-get -qq update && apt-get install -y libpq99: exit code: 100
E: Unable to locate package libpq99
fix: this release of the distribution has no such package: correct its name
""",
    ),
    Case(
        "a package that Alpine has not",
        step(
            "RUN apk add libpq99",
            """fetch https://dl-cdn.alpinelinux.org/alpine/v3.20/main/x86_64/APKINDEX.tar.gz
ERROR: unable to select packages:
  libpq99 (no such package):
    required by: world[libpq99]""",
        ),
        """\
error: Dockerfile:7: RUN apk add libpq99: exit code: 1
libpq99 (no such package):
fix: correct the name of the package: this release of Alpine does not have it
""",
    ),
    Case(
        "old package lists",
        step(
            "RUN apt-get install -y curl",
            """Err:1 http://deb.debian.org/debian bookworm/main amd64 curl amd64 7.88
  404  Not Found [IP: 151.101.2.132 80]
E: Failed to fetch http://deb.debian.org/debian/pool/main/c/curl/curl_7.88_amd64.deb  404  Not Found [IP: 151.101.2.132 80]
E: Unable to fetch some archives, maybe run apt-get update or try with --fix-missing?""",
            "exit code: 100",
        ),
        """\
error: Dockerfile:7: RUN apt-get install -y curl: exit code: 100
E: Failed to fetch http://deb.debian.org/debian/pool/main/c/curl/curl_7.88_amd64.deb 404 Not Found [IP: 151.101.2.132 80]
fix: run apt-get update in the same RUN, before apt-get install
""",
    ),
    Case(
        "npm of a package that is not there",
        step(
            "RUN npm ci",
            """npm error code E404
npm error 404 Not Found - GET https://registry.npmjs.org/acme-lib - Not found
npm error 404  'acme-lib@^9.0.0' is not in this registry.
npm error A complete log of this run can be found in: /home/node/.npm/_logs/x.log""",
        ),
        """\
error: Dockerfile:7: RUN npm ci: exit code: 1
npm error code E404
fix: correct the name or the version of the package, or the registry in .npmrc
""",
    ),
    Case(
        "npm of another lock file",
        step(
            "RUN npm ci",
            """npm error code EUSAGE
npm error
npm error `npm ci` can only install packages when your package.json and package-lock.json or npm-shrinkwrap.json are in sync. Please update your lock file with `npm install` before continuing.""",
        ),
        """\
error: Dockerfile:7: RUN npm ci: exit code: 1
npm error `npm ci` can only install packages when your package.json and package-lock.json or npm-shrinkwrap.json are in sync. Please update your lock file with `npm install` before continuing.
fix: the lock file does not fit the project file: lock again, and commit the lock file
""",
    ),
    Case(
        "older npm",
        step(
            "RUN npm run build",
            """npm ERR! code ELIFECYCLE
npm ERR! errno 2
npm ERR! orders@1.0.0 build: `tsc`
npm ERR! Exit status 2""",
            "exit code: 2",
        ),
        """\
error: Dockerfile:7: RUN npm run build: exit code: 2
npm ERR! code ELIFECYCLE
npm ERR! orders@1.0.0 build: `tsc`
""",
    ),
    Case(
        "another architecture",
        step("RUN pip --version", "exec /bin/sh: exec format error", "exit code: 255"),
        """\
error: Dockerfile:7: RUN pip --version: exit code: 255
exec /bin/sh: exec format error
fix: an image or a program is for another CPU architecture: use the one of the build host, or a multi-arch image
""",
    ),
    Case(
        "the disk is full",
        step(PIP, "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"),
        """\
error: Dockerfile:7: RUN pip install -r requirements.txt: exit code: 1
ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device
fix: the disk of the build host is full: copy less into the image, delete caches in the same RUN, or use a larger host
""",
    ),
    Case(
        "the disk of the builder is full",
        solved(
            "COPY . .", "ResourceExhausted: write /var/lib/docker/overlay2/x/diff/model.bin: no space left on device"
        ),
        """\
error: Dockerfile:7: COPY . .: write /var/lib/docker/overlay2/x/diff/model.bin: no space left on device
fix: the disk of the build host is full: copy less into the image, delete caches in the same RUN, or use a larger host
""",
    ),
    Case(
        "out of memory",
        step("RUN npm run build", "Creating an optimized production build...\nKilled", "exit code: 137"),
        """\
error: Dockerfile:7: RUN npm run build: exit code: 137
Killed
fix: the build host ran out of memory: run fewer jobs at the same time in this step, or use a larger build host
""",
    ),
    Case(
        "out of memory in a shell that goes on",
        step("RUN bash build.sh", "build.sh: line 3:    12 Killed                  npm run build"),
        """\
error: Dockerfile:7: RUN bash build.sh: exit code: 1
build.sh: line 3: 12 Killed npm run build
fix: the build host ran out of memory: run fewer jobs at the same time in this step, or use a larger build host
""",
    ),
    Case(
        "BuildKit saw that memory ran out",
        solved(
            "RUN make",
            'ResourceExhausted: process "/bin/sh -c make" did not complete successfully: cannot allocate memory',
            output="cc -c a.c",
        ),
        """\
error: Dockerfile:7: RUN make: cannot allocate memory
cc -c a.c
fix: the build host ran out of memory: run fewer jobs at the same time in this step, or use a larger build host
""",
    ),
    Case(
        "CRLF of a script in bash",
        step("RUN bash setup.sh", "setup.sh: line 2: $'\\r': command not found", "exit code: 127"),
        """\
error: Dockerfile:7: RUN bash setup.sh: exit code: 127
setup.sh: line 2: $'\\r': command not found
fix: the script has Windows line ends (CRLF): save it with LF, and write *.sh text eol=lf to .gitattributes
""",
    ),
    Case(
        "CRLF of env",
        step("RUN ./manage.py check", "env: 'python3\\r': No such file or directory", "exit code: 127"),
        """\
error: Dockerfile:7: RUN ./manage.py check: exit code: 127
env: 'python3\\r': No such file or directory
fix: the script has Windows line ends (CRLF): save it with LF, and write *.sh text eol=lf to .gitattributes
""",
    ),
    Case(
        "CRLF of a shebang",
        step("RUN ./setup.sh", "/bin/sh: 1: ./setup.sh: not found", "exit code: 127"),
        """\
error: Dockerfile:7: RUN ./setup.sh: exit code: 127
/bin/sh: 1: ./setup.sh: not found
fix: the script has Windows line ends (CRLF): save it with LF, and write *.sh text eol=lf to .gitattributes
""",
        files={"setup.sh": "#!/bin/sh\r\ntrue\r\n"},
    ),
    Case(
        "a shebang of a missing program",
        step("RUN /app/bin/setup.sh", "/bin/sh: 1: /app/bin/setup.sh: not found", "exit code: 127"),
        """\
error: Dockerfile:7: RUN /app/bin/setup.sh: exit code: 127
/bin/sh: 1: /app/bin/setup.sh: not found
fix: the image lacks what the first line of /app/bin/setup.sh names: install it
""",
        files={"bin/setup.sh": "#!/bin/bash\ntrue\n"},
    ),
    Case(
        "a script that is not there",
        step("RUN ./setup.sh", "/bin/sh: 1: ./setup.sh: not found", "exit code: 127"),
        """\
error: Dockerfile:7: RUN ./setup.sh: exit code: 127
/bin/sh: 1: ./setup.sh: not found
fix: ./setup.sh is not in the image: copy it before this step
""",
    ),
    Case(
        "a program that is not there",
        step("RUN curl -fsS https://acme.example/x", "/bin/sh: 1: curl: not found", "exit code: 127"),
        """\
error: Dockerfile:7: RUN curl -fsS https://acme.example/x: exit code: 127
/bin/sh: 1: curl: not found
fix: curl is not in the image: install it before this step
""",
    ),
    Case(
        "make is not there",
        step("RUN make", "/bin/sh: 1: make: not found", "exit code: 127"),
        """\
error: Dockerfile:7: RUN make: exit code: 127
/bin/sh: 1: make: not found
fix: make is not in the image: install build-essential in a build stage
""",
    ),
    Case(
        "a script that may not run",
        step("RUN ./setup.sh", "/bin/sh: 1: ./setup.sh: Permission denied", "exit code: 126"),
        """\
error: Dockerfile:7: RUN ./setup.sh: exit code: 126
/bin/sh: 1: ./setup.sh: Permission denied
fix: ./setup.sh is not executable: run git update-index --chmod=+x on it and commit, or chmod +x in the Dockerfile
""",
    ),
    Case(
        "an entry point that may not run",
        step(
            'RUN ["./start.sh"]',
            'runc run failed: unable to start container process: error during container init: exec: "./start.sh": permission denied',
            "exit code: 126",
        ),
        """\
error: Dockerfile:7: RUN ["./start.sh"]: exit code: 126
runc run failed: unable to start container process: error during container init: exec: "./start.sh": permission denied
fix: ./start.sh is not executable: run git update-index --chmod=+x on it and commit, or chmod +x in the Dockerfile
""",
    ),
    Case(
        "a user that may not write",
        step("RUN mkdir /data", "mkdir: cannot create directory ‘/data’: Permission denied"),
        """\
error: Dockerfile:7: RUN mkdir /data: exit code: 1
mkdir: cannot create directory ‘/data’: Permission denied
fix: this step runs as a user that may not write there: do it before USER, or use COPY --chown
""",
    ),
    Case(
        "a port that only root may use",
        step(
            "RUN python -m app --check",
            "Traceback (most recent call last):\n  File \"x.py\", line 1\nPermissionError: [Errno 13] error while attempting to bind on address ('0.0.0.0', 80): permission denied",
        ),
        """\
error: Dockerfile:7: RUN python -m app --check: exit code: 1
PermissionError: [Errno 13] error while attempting to bind on address ('0.0.0.0', 80): permission denied
fix: only root may use ports below 1024: let the app listen on a port such as 8080
""",
    ),
    Case(
        "a module that is not there",
        step(
            "RUN python manage.py collectstatic",
            """Traceback (most recent call last):
  File "/app/manage.py", line 3, in <module>
    import django
ModuleNotFoundError: No module named 'django'""",
        ),
        """\
error: Dockerfile:7: RUN python manage.py collectstatic: exit code: 1
ModuleNotFoundError: No module named 'django'
fix: django is not installed in the image: add it to what the image installs
""",
    ),
    Case(
        "a traceback",
        step(
            "RUN python manage.py collectstatic",
            """Traceback (most recent call last):
  File "/app/settings.py", line 3, in <module>
KeyError: 'SECRET_KEY'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/manage.py", line 9, in <module>
django.core.exceptions.ImproperlyConfigured: no SECRET_KEY
ValueError: no SECRET_KEY""",
        ),
        """\
error: Dockerfile:7: RUN python manage.py collectstatic: exit code: 1
ValueError: no SECRET_KEY
""",
    ),
    Case(
        "a compiler",
        step(
            "RUN make",
            "cc -c main.c\nmain.c:3:5: error: expected ‘;’ before ‘return’\nmake: *** [Makefile:2: main.o] Error 1",
            "exit code: 2",
        ),
        """\
error: Dockerfile:7: RUN make: exit code: 2
main.c:3:5: error: expected ‘;’ before ‘return’
""",
    ),
    Case(
        "AWS in a step",
        step("RUN aws s3 cp s3://acme/model .", "fatal error: Unable to locate credentials"),
        """\
error: Dockerfile:7: RUN aws s3 cp s3://acme/model .: exit code: 1
fatal error: Unable to locate credentials
fix: the steps of a Dockerfile get no AWS credentials in this build: fetch the files before it, or when the app starts
""",
    ),
    Case(
        "Docker Hub in a step",
        step(
            "RUN crane pull nginx x.tar",
            'Error: fetching: Get "https://index.docker.io/v2/": dial tcp 0.0.0.0:443: connect: connection refused',
        ),
        """\
error: Dockerfile:7: RUN crane pull nginx x.tar: exit code: 1
Error: fetching: Get "https://index.docker.io/v2/": dial tcp 0.0.0.0:443: connect: connection refused
fix: this build cannot reach Docker Hub: use an image of ECR or public.ecr.aws, or start from the base image
""",
    ),
    Case(
        "tests in a step",
        step(
            "RUN pytest -q",
            """F
    def test_total():
>       assert total() == 3
E       assert 2 == 3
E        +  where 2 = total()
tests/test_orders.py:8: AssertionError
FAILED tests/test_orders.py::test_total - assert 2 == 3
1 failed in 0.12s""",
        ),
        """\
error: Dockerfile:7: RUN pytest -q: exit code: 1
E assert 2 == 3
fix: the tests failed: run them in the image, without network as this build does, and correct what they report
""",
    ),
    Case(
        "an unknown tool",
        step("RUN ./gradlew build", "Welcome to Gradle\nBUILD went wrong\n\n", "exit code: 3"),
        """\
error: Dockerfile:7: RUN ./gradlew build: exit code: 3
BUILD went wrong
""",
    ),
    Case(
        "no output",
        step("RUN false", ""),
        """\
error: Dockerfile:7: RUN false: exit code: 1
""",
    ),
    Case(
        "several lines of an instruction",
        step("RUN pip install a \\\n    b \\\n    && true", "ERROR: No matching distribution found for b"),
        """\
error: Dockerfile:7: RUN pip install a b && true: exit code: 1
ERROR: No matching distribution found for b
fix: ask for a version that the index has for this Python, or correct the name
""",
    ),
    Case(
        "COPY of what is not there",
        copy("COPY requirements.txt .", "/requirements.txt"),
        """\
error: Dockerfile:4: COPY requirements.txt .: "/requirements.txt": not found
fix: the context (.) has no requirements.txt: commit the file, or correct the path
""",
    ),
    Case(
        "COPY of what .dockerignore leaves out",
        copy("COPY conf/app.ini .", "/conf/app.ini"),
        """\
error: Dockerfile:4: COPY conf/app.ini .: "/conf/app.ini": not found
fix: line 2 of .dockerignore, **/*.ini, leaves conf/app.ini out: remove it, or add !conf/app.ini after it
""",
        files={"conf/app.ini": "", ".dockerignore": "# secrets\n**/*.ini\n!keep.ini\n"},
    ),
    Case(
        "COPY of what an own .dockerignore leaves out",
        copy("COPY dist ./dist", "/dist"),
        """\
error: docker/Dockerfile:4: COPY dist ./dist: "/dist": not found
fix: line 1 of docker/Dockerfile.dockerignore, /dist/, leaves dist out: remove it, or add !dist after it
""",
        files={"dist/a": "", ".dockerignore": "", "docker/Dockerfile.dockerignore": "/dist/\n"},
        dockerfile="docker/Dockerfile",
    ),
    Case(
        "COPY of what is beside the Dockerfile",
        copy("COPY requirements.txt .", "/requirements.txt"),
        """\
error: services/orders/Dockerfile:4: COPY requirements.txt .: "/requirements.txt": not found
fix: paths start at the context (.), not at the Dockerfile: write services/orders/requirements.txt, or set the context
""",
        files={"services/orders/requirements.txt": ""},
        dockerfile="services/orders/Dockerfile",
    ),
    Case(
        "COPY of what is there",
        copy("COPY a.txt .", "/a.txt"),
        """\
error: Dockerfile:4: COPY a.txt .: "/a.txt": not found
fix: a.txt is there, but not as the builder sees it: check upper and lower case, and links
""",
        files={"a.txt": "", ".dockerignore": "*\n!a.txt\n"},
    ),
    Case(
        "COPY from a stage",
        copy("COPY --from=build /dist /app", "/dist"),
        """\
error: Dockerfile:4: COPY --from=build /dist /app: "/dist": not found
fix: --from=build has no /dist: correct the path, or make the file there
""",
    ),
    Case(
        "a tag that the registry has not",
        metadata("public.ecr.aws/docker/library/node:99", "public.ecr.aws/docker/library/node:99: not found"),
        """\
error: Dockerfile:1: FROM public.ecr.aws/docker/library/node:99: public.ecr.aws/docker/library/node:99: not found
fix: the registry has no such image: correct the name or the tag
""",
    ),
    Case(
        "an image that may not be pulled",
        metadata(
            "ghcr.io/acme/x:1",
            "unexpected status from HEAD request to https://ghcr.io/v2/acme/x/manifests/1: 403 Forbidden",
        ),
        """\
error: Dockerfile:1: FROM ghcr.io/acme/x:1: unexpected status from HEAD request to https://ghcr.io/v2/acme/x/manifests/1: 403 Forbidden
fix: the registry refuses this build: check the name, and the permissions of the build's role
""",
    ),
    Case(
        "a busy registry",
        metadata(
            "public.ecr.aws/docker/library/node:22",
            "unexpected status from HEAD request to https://public.ecr.aws/v2/docker/library/node/manifests/22: 429 Too Many Requests",
        ),
        """\
error: Dockerfile:1: FROM public.ecr.aws/docker/library/node:22: unexpected status from HEAD request to https://public.ecr.aws/v2/docker/library/node/manifests/22: 429 Too Many Requests
fix: the registry was busy for longer than this build waits: start the build again later
""",
    ),
    Case(
        "a registry of no name",
        metadata(
            "registry.acme.example/x:1",
            'failed to do request: Head "https://registry.acme.example/v2/x/manifests/1": dial tcp: lookup registry.acme.example: no such host',
        ),
        """\
error: Dockerfile:1: FROM registry.acme.example/x:1: failed to do request: Head "https://registry.acme.example/v2/x/manifests/1": ...okup registry.acme.example: no such host
fix: the build cannot reach this server: check its name, and the network and proxy of the build
""",
    ),
    Case(
        "an argument without a value",
        solved("FROM ${IMAGE}", "failed to parse stage name: base name (${IMAGE}) should not be blank", line=2),
        """\
error: Dockerfile:2: FROM ${IMAGE}: failed to parse stage name: base name (${IMAGE}) should not be blank
fix: write ARG with this name and a default before FROM
""",
    ),
    Case(
        "an unknown instruction",
        solved("RUNN true", "dockerfile parse error on line 3: unknown instruction: RUNN (did you mean RUN?)", line=3),
        """\
error: Dockerfile:3: RUNN true: unknown instruction: RUNN (did you mean RUN?)
""",
    ),
    Case(
        "no Dockerfile",
        BUILDER
        + "ERROR: failed to build: failed to solve: failed to read dockerfile: open Dockerfile: no such file or directory\n",
        """\
error: services/orders/Dockerfile: failed to read dockerfile: open Dockerfile: no such file or directory
fix: the repository has no Dockerfile there: correct the setting dockerfile
""",
        dockerfile="services/orders/Dockerfile",
    ),
    Case(
        "Docker Hub",
        metadata("node:22", 'source "docker-image://docker.io/library/node:22" denied by policy: denied by policy'),
        """\
error: Dockerfile:1: docker.io/library/node:22 is on Docker Hub, which this build may not use: write public.ecr.aws/docker/library/node:22, ECR Public's mirror of it, or start from the base image
""",
    ),
    Case(
        "Docker Hub, not an official image",
        metadata(
            "bitnami/redis:7", 'source "docker-image://docker.io/bitnami/redis:7" not allowed by policy: action DENY'
        ),
        """\
error: Dockerfile:1: docker.io/bitnami/redis:7 is on Docker Hub, which this build may not use: push a copy to ECR and write its name, or start from the base image
""",
    ),
    Case(
        "Docker Hub without a line",
        BUILDER
        + 'ERROR: failed to solve: source "docker-image://docker.io/library/busybox:latest" denied by policy: x\n',
        """\
error: Dockerfile:2: docker.io/library/busybox:latest is on Docker Hub, which this build may not use: write public.ecr.aws/docker/library/busybox:latest, ECR Public's mirror of it, or start from the base image
""",
        files={"Dockerfile": "FROM scratch\nRUN --mount=from=busybox true\n"},
    ),
    Case(
        "Docker Hub by digest",
        metadata(
            "node:22",
            'source "docker-image://docker.io/library/node:22@sha256:0000000000000000000000000000000000000000000000000000000000000000" denied by policy: x',
        ),
        """\
error: Dockerfile:1: docker.io/l...000000 is on Docker Hub, which this build may not use: write public.ecr.aws/docker/library/node:22@sha256:0000000000000000000000000000000000000000000000000000000000000000, ECR Public's mirror of it, or sta
""",
    ),
    Case(
        "a policy of the repository",
        metadata("ghcr.io/acme/x:1", 'source "docker-image://ghcr.io/acme/x:1" not allowed by policy: action DENY'),
        """\
error: Dockerfile:1: FROM ghcr.io/acme/x:1: source "docker-image://ghcr.io/acme/x:1" not allowed by policy: action DENY
fix: a source policy of this build refuses the image: use another one
""",
    ),
    Case(
        "a newer frontend",
        BUILDER + "Dockerfile:3\nERROR: failed to solve: dockerfile parse error on line 3: unknown flag: --parents\n",
        """\
error: Dockerfile:3: the frontend of this builder, Docker 28.1, does not know this (unknown flag: --parents), and docker/dockerfile:1.20-labs is on Docker Hub: write it without, or push a copy of the frontend to ECR and name that in # synta
""",
        environment={"FRONTEND": "docker/dockerfile:1.20-labs", "DOCKER_VERSION": "28.1"},
    ),
    Case(
        "no newer frontend",
        BUILDER + "Dockerfile:3\nERROR: failed to solve: dockerfile parse error on line 3: unknown flag: --parents\n",
        """\
error: Dockerfile:3: unknown flag: --parents
""",
        environment={"FRONTEND": "", "DOCKER_VERSION": "28.1"},
    ),
    Case(
        "a newer frontend, another error",
        step("RUN false", ""),
        """\
error: Dockerfile:7: RUN false: exit code: 1
""",
        environment={"FRONTEND": "docker/dockerfile:1"},
    ),
    Case(
        "the tests of the service",
        """#9 DONE 0.1s
============ FAILURES ============
    def test_a():
>       assert client.get("/").status_code == 200
E       assert 500 == 200
tests/test_a.py:5: AssertionError
=== short test summary info ===
FAILED tests/test_a.py::test_a - assert 500 == 200
=== 1 failed, 3 passed in 0.50s ===
error: the tests ended with status 1: pytest
""",
        """\
error: the tests failed: status 1: pytest
E assert 500 == 200
fix: the tests failed: run them in the image, without network as this build does, and correct what they report
""",
    ),
    Case(
        "tests that pytest alone reports",
        """E       assert 500 == 200
FAILED tests/test_a.py::test_a - assert 500 == 200
=========== 1 failed, 3 passed in 0.50s ===========
""",
        """\
error: the tests failed: 1 failed, 3 passed in 0.50s
E assert 500 == 200
fix: the tests failed: run them in the image, without network as this build does, and correct what they report
""",
    ),
    Case(
        "tests without a runner",
        "sh: 1: pytest: not found\nerror: the tests ended with status 127: pytest\n",
        """\
error: the tests failed: status 127: pytest
sh: 1: pytest: not found
fix: pytest is not in the image: install it before this step
""",
    ),
    Case(
        "tests that need a network",
        "ConnectionRefusedError: [Errno 111] Connection refused\nerror: the tests ended with status 1: python -m unittest\n",
        """\
error: the tests failed: status 1: python -m unittest
ConnectionRefusedError: [Errno 111] Connection refused
fix: the tests failed: run them in the image, without network as this build does, and correct what they report
""",
    ),
    Case(
        "push to a repository that is not there",
        "name unknown: The repository with name 'orders' does not exist in the registry with id '000000000000'\n",
        """\
error: push: name unknown: The repository with name 'orders' does not exist in the registry with id '000000000000'
fix: ECR has no repository orders: deploy the stack that makes it
""",
    ),
    Case(
        "push without permission",
        "denied: User: arn:aws:sts::000000000000:assumed-role/x/y is not authorized to perform: ecr:InitiateLayerUpload on resource: arn:aws:ecr:eu-west-1:000000000000:repository/orders because no identity-based policy allows the ecr:InitiateLayerUpload action\n",
        """\
error: push: denied: User: arn:aws:sts::000000000000:assumed-role/x/y is not authorized to perform: ecr:InitiateLayerUpload on resource: arn:aws:ecr:eu-west-...rders because no identity-based policy allows the ecr:InitiateLayerUpload action
fix: the registry refuses this build: check the name, and the permissions of the build's role
""",
    ),
    Case(
        "push of a tag that is there",
        "tag invalid: The image tag 'ab12' already exists in the 'orders' repository and cannot be overwritten because the repository is immutable.\n",
        """\
error: push: tag invalid: The image tag 'ab12' already exists in the 'orders' repository and cannot be overwritten because the repository is immutable.
fix: tags of this repository cannot be overwritten: build a new commit
""",
    ),
    Case(
        "login",
        "Error response from daemon: login attempt to https://000000000000.dkr.ecr.eu-west-1.amazonaws.com/v2/ failed with status: 400 Bad Request\n",
        """\
error: login: Error response from daemon: login attempt to https://000000000000.dkr.ecr.eu-west-1.amazonaws.com/v2/ failed with status: 400 Bad Request
""",
    ),
    Case(
        "login of AWS",
        "\nAn error occurred (AccessDeniedException) when calling the GetAuthorizationToken operation: User is not authorized to perform: ecr:GetAuthorizationToken\n",
        """\
error: login: An error occurred (AccessDeniedException) when calling the GetAuthorizationToken operation: User is not authorized to perform: ecr:GetAuthorizationToken
fix: the registry refuses this build: check the name, and the permissions of the build's role
""",
    ),
    Case(
        "a registry that stayed busy",
        "error: the registry still refuses after 605 s: toomanyrequests: Rate exceeded\n",
        """\
error: the registry still refuses after 605 s: toomanyrequests: Rate exceeded
fix: the registry was busy for longer than this build waits: start the build again later
""",
    ),
    Case(
        "an attempt after a busy registry",
        metadata("x", "429 Too Many Requests")
        + "the registry is busy: next attempt in 5 s: x\n"
        + step("RUN false", ""),
        """\
error: Dockerfile:7: RUN false: exit code: 1
""",
    ),
    Case(
        "what is not understood",
        "Segmentation\n\nalmost done\n  the end\n",
        """\
error: the build failed
almost done
the end
""",
    ),
]
