#!/bin/bash
# Runs a build, and writes to /tmp/build: the variables for the pipeline, or why it failed.
# shellcheck disable=SC2329 # functions are also called by their names, as arguments of patiently
set -uo pipefail
# In CodeBuild's image python3 is chosen by pyenv, which reads a .python-version of the repository:
# https://github.com/aws/aws-codebuild-docker-images/issues/513
export PYENV_VERSION=system
work=/tmp/build
mkdir -p "$work"
chmod 700 "$work" # a secret may be in it for a moment
touch "$work/variables"

(
set -euo pipefail
%{body}
%{exports}
) 2>&1 | tee "$work/output"
status="${PIPESTATUS[0]}"

if [ "$status" != 0 ]; then
  export DOCKER_VERSION FRONTEND
  DOCKER_VERSION="$(docker version --format '{{.Server.Version}}' 2>/dev/null)"
  FRONTEND="$(cat "$work/frontend" 2>/dev/null)"
  cat >"$work/known_failures.py" <<'PYTHON'
%{known_failures}
PYTHON
  cat >"$work/explain.py" <<'PYTHON'
%{explain}
PYTHON
  timeout 60 python3 "$work/explain.py" "$work/output" '%{dockerfile}' '%{context}' >"$work/why" ||
    echo "error: the build failed, for a reason that is further up in this log" >"$work/why"
fi
exit "$status"
