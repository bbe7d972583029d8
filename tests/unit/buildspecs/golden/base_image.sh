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
dockerfile=Dockerfile
patience="$UPSTREAM_PATIENCE" # seconds, for all that waits for a registry

digest_of() { # <tag>
  aws ecr batch-get-image --repository-name "$REPOSITORY_NAME" --image-ids "imageTag=$1" \
    --query 'images[].imageId.imageDigest' --output text
}

sign_in() { # <user> <registry>: the password is on standard input
  # What Docker says of success and of its file of credentials, which goes with this host, would only fill the log.
  docker login --username "$1" --password-stdin "$2" 2>&1 |
    sed -E '/^(WARNING! Your|Configure a cred|https:\/\/docs\.docker|Login Succeeded|[[:space:]]*$)/d'
}

log_in() { # <registry>: to ECR, or to ECR Public
  case "$1" in
    public.ecr.aws)
      # Signed in, ten times as many pulls a second are allowed. The service is in one Region only.
      aws ecr-public get-login-password --region us-east-1 | sign_in AWS "$1" ||
        echo "$1: no log-in, so pulls are anonymous"
      ;;
    *)
      aws ecr get-login-password --region "$(cut -d. -f4 <<<"$1")" |
        sign_in AWS "$1"
      ;;
  esac
}

patiently() { # <command>: retried with growing waits while a registry is busy, at most $patience seconds
  local pause=5 reason
  local busy='toomanyrequests|429 Too Many|50[0234] (Internal|Bad|Service|Gateway)|i/o timeout|connection reset|TLS handshake'
  until "$@" 2>&1 | tee "$work/log"; do
    # BuildKit's error of a step that failed repeats the command of the step, whatever is in it.
    if ! reason="$(grep -Ei "^((error|received unexpected|unexpected status).*($busy)|toomanyrequests)" "$work/log" |
      grep -vF 'did not complete successfully' | tail -n 1)"; then
      return 1
    fi
    if ((pause > patience)); then
      echo "error: the registry still refuses: $reason"
      return 1
    fi
    echo "the registry is busy: next attempt in $pause s: $reason"
    sleep "$pause"
    patience=$((patience - pause))
    pause=$((pause < 150 ? pause * 2 : 300))
  done
}

# Docker Hub's names, for this host and for the steps of a Dockerfile.
docker_hub=(docker.io index.docker.io registry-1.docker.io auth.docker.io registry.hub.docker.com)

walls() { # <insert or delete>
  # Credentials of this host are at link-local addresses, where DNS may be too; the engine listens on a local TCP port.
  # What a step of RUN sends is forwarded, or arrives. ADD and its redirects are requests of the engine, which is here.
  local chain
  for chain in FORWARD INPUT OUTPUT; do
    iptables --wait "--$1" "$chain" --destination 169.254.0.0/16 --protocol tcp ! --dport 53 --syn --jump REJECT || return
  done
  iptables --wait "--$1" OUTPUT --out-interface lo --protocol tcp --dport 2375 --syn --jump REJECT
}

build_behind_walls() { # <option of the builder>...
  local status=0 closed
  closed=("${docker_hub[@]/%/:0.0.0.0}")
  # Said for each command: whoever calls this looks at its status, and then `set -e` ends nothing.
  walls insert || return
  DOCKER_HOST=unix:///var/run/docker.sock docker buildx build "${closed[@]/#/--add-host=}" "$@" || status=$?
  walls delete || return
  return "$status"
}

build() {
  EXPERIMENTAL_BUILDKIT_SOURCE_POLICY="$work/policy.json" build_behind_walls . \
    --file "$to_build" \
    --build-arg "UPSTREAM_IMAGE=$pinned" \
    --label "org.opencontainers.image.base.name=$UPSTREAM_IMAGE" \
    --label "org.opencontainers.image.base.digest=$upstream_digest" \
    --provenance=false \
    --progress=plain \
    "${secrets[@]}" \
    --tag "$image"
}

to_build="$work/dockerfile/${dockerfile##*/}"

own_frontend() { # copies the Dockerfile without a line "# syntax=" that asks for Docker's own frontend
  # That frontend is on Docker Hub, and the builder has one of its own. A blank comment keeps the numbers of the lines;
  # it follows the other directives, which end at the first comment:
  # https://docs.docker.com/reference/dockerfile/#parser-directives
  mkdir -p "${to_build%/*}"
  LC_ALL=C awk -v asked="$work/frontend" '
    NR == 1 { sub(/^\357\273\277/, "") }
    NR == 1 && /^#!/ { print; next }
    !body && tolower($0) ~ /^#[ \t]*(syntax|escape|check)[ \t]*=/ {
      frontend = $0
      sub(/^#[ \t]*[A-Za-z]+[ \t]*=[ \t]*/, "", frontend)
      sub(/[ \t\r].*/, "", frontend)
      docker = frontend ~ /^((index\.)?docker\.io\/)?docker\/dockerfile(-upstream)?([:@].*)?$/
      if (docker && tolower($0) ~ /^#[ \t]*syntax/) { blank = blank "#\n"; print frontend >asked } else print
      next
    }
    !body { printf "%s", blank; body = 1 }
    { print }' "$dockerfile" >"$to_build"
  if [ -f "$dockerfile.dockerignore" ]; then cp "$dockerfile.dockerignore" "$to_build.dockerignore"; fi
}

cat >"$work/upstream.py" <<'PYTHON'
<upstream.py>
PYTHON

log_in "${REPOSITORY_URI%%/*}"
if [ -n "${UPSTREAM_CREDENTIALS:-}" ]; then
  aws secretsmanager get-secret-value --secret-id "$UPSTREAM_CREDENTIALS" --query SecretString --output text \
    >"$work/secret"
fi
registry="${UPSTREAM_IMAGE%%/*}"
log_in_with_secret() {
  jq -er .accessToken "$work/secret" |
    sign_in "$(jq -er .username "$work/secret")" "$registry"
}
case "$registry" in
  *.dkr.ecr.* | public.ecr.aws) patiently log_in "$registry" ;;
  *) if [ -n "${UPSTREAM_CREDENTIALS:-}" ]; then patiently log_in_with_secret; fi ;;
esac
rm -f "$work/secret"

ask_upstream() { # <reference> <option>...
  local started="$SECONDS"
  python3 "$work/upstream.py" "$1" "$patience" "${@:2}" >"$work/upstream.json"
  patience=$((patience - (SECONDS - started)))
}

# A content address of what goes in: the same upstream and the same folder give the same tag, so a refresh that
# finds nothing new ends here, and a build that is tried again meets its own result.
ask_upstream "$UPSTREAM_IMAGE"
pinned="$(jq -r .pinned "$work/upstream.json")"
upstream_digest="$(jq -r .digest "$work/upstream.json")"
image="$REPOSITORY_URI:${SOURCE_HASH:0:12}-${upstream_digest:7:12}"
digest="$(digest_of "${image##*:}")"
echo "upstream: $pinned"
echo "image:    $image ${digest:-(to be built)}"
if [ -n "${METRIC_NAMESPACE:-}" ] && remaining="$(jq -er .remaining "$work/upstream.json")"; then
  echo "pulls that Docker Hub has left: $remaining"
  aws cloudwatch put-metric-data --namespace "$METRIC_NAMESPACE" --metric-name DockerHubPullsRemaining \
    --dimensions "Repository=$REPOSITORY_NAME" --value "$remaining"
fi

if [ -z "$digest" ]; then
  ask_upstream "$pinned" --to-pull
  sed "s|UPSTREAM|$pinned|g" >"$work/policy.json" <<'POLICY'
{"rules":[{"action":"DENY","selector":{"identifier":"docker-image://docker.io/*","matchType":"WILDCARD"}},{"action":"DENY","selector":{"identifier":"docker-image://docker.io:443/*","matchType":"WILDCARD"}},{"action":"DENY","selector":{"identifier":"docker-image://index.docker.io/*","matchType":"WILDCARD"}},{"action":"DENY","selector":{"identifier":"docker-image://index.docker.io:443/*","matchType":"WILDCARD"}},{"action":"DENY","selector":{"identifier":"docker-image://registry-1.docker.io/*","matchType":"WILDCARD"}},{"action":"DENY","selector":{"identifier":"docker-image://registry-1.docker.io:443/*","matchType":"WILDCARD"}},{"action":"DENY","selector":{"identifier":"docker-image://registry.hub.docker.com/*","matchType":"WILDCARD"}},{"action":"DENY","selector":{"identifier":"docker-image://registry.hub.docker.com:443/*","matchType":"WILDCARD"}},{"action":"ALLOW","selector":{"identifier":"docker-image://UPSTREAM","matchType":"EXACT"}}]}
POLICY
  secrets=()
  if [ -n "${BUILD_CA_FILE:-}" ]; then secrets=(--secret "id=ca,src=$BUILD_CA_FILE"); fi
  own_frontend
  patiently build

  # Nothing is published that cannot run as an ordinary user.
  docker run --rm --network none --user 65534:65534 "$image" \
    python -c 'import ctypes, sqlite3, ssl, sys, zlib; print("python", sys.version)'

  # Tags are immutable: of two builds at the same time, the second finds the image of the first.
  docker push --quiet "$image" || echo "not pushed: another build may have been first"
  digest="$(digest_of "${image##*:}")"
  : "${digest:?the registry does not show the image that was pushed}"
fi

# Only now does the tag that services follow move, inside the registry, to the very same digest.
if [ "$(digest_of "$MOVING_TAG")" = "$digest" ]; then
  echo "$MOVING_TAG is $digest already: nothing to do"
else
  manifest="$(aws ecr batch-get-image --repository-name "$REPOSITORY_NAME" --image-ids "imageDigest=$digest" \
    --query 'images[0].[imageManifestMediaType,imageManifest]' --output json)"
  aws ecr put-image --repository-name "$REPOSITORY_NAME" --image-tag "$MOVING_TAG" \
    --image-manifest-media-type "$(jq -r '.[0]' <<<"$manifest")" \
    --image-manifest "$(jq -r '.[1]' <<<"$manifest")" >/dev/null || [ "$(digest_of "$MOVING_TAG")" = "$digest" ]
  echo "$MOVING_TAG is now $digest"
fi
export IMAGE_URI="$REPOSITORY_URI@$digest"
declare -px IMAGE_URI | sed 's/^declare -x/export/' >"$work/variables"
) 2>&1 | tee "$work/output"
status="${PIPESTATUS[0]}"

if [ "$status" != 0 ]; then
  export DOCKER_VERSION FRONTEND
  DOCKER_VERSION="$(docker version --format '{{.Server.Version}}' 2>/dev/null)"
  FRONTEND="$(cat "$work/frontend" 2>/dev/null)"
  cat >"$work/known_failures.py" <<'PYTHON'
<known_failures.py>
PYTHON
  cat >"$work/explain.py" <<'PYTHON'
<explain.py>
PYTHON
  timeout 60 python3 "$work/explain.py" "$work/output" 'Dockerfile' '.' >"$work/why" ||
    echo "error: the build failed, for a reason that is further up in this log" >"$work/why"
fi
exit "$status"
