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
patience=600 # seconds, for all that waits for a registry
dockerfile='Dockerfile'
context='.'

# A link in the repository must not make a part of this host a build context, whose files the image could have.
for path in "$dockerfile" "$dockerfile.dockerignore" "$context" "$context/.dockerignore"; do
  case "$(realpath --canonicalize-missing "$path")/" in
    "$(realpath .)"/*) ;;
    *) echo "error: $path leads out of the repository" && exit 1 ;;
  esac
done
if [ ! -f "$dockerfile" ]; then
  echo "error: the repository has no $dockerfile: commit it, or correct the setting dockerfile"
  exit 1
fi

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

# Only BuildKit heeds the source policy. So that nothing else can pull from Docker Hub (docker pull and run, compose,
# the classic builder, a builder in a container), this host does not know where Docker Hub is.
printf '0.0.0.0 %s\n' "${docker_hub[@]}" >>/etc/hosts

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

build_image() { # builds $image, with labels that say which base image it was built on, if it was
  local base_digest base_image secrets arguments base_layers layers
  # One build sees one base: the moving tag is resolved once.
  base_digest="$(docker buildx imagetools inspect "$BASE_REPOSITORY_URI:$BASE_TAG" \
    --format '{{json .Manifest}}' | jq -er .digest)"
  base_image="$BASE_REPOSITORY_URI@$base_digest"
  echo "base image: $base_image"

  # BuildKit itself refuses what the policy does not allow, wherever the Dockerfile names it.
  sed "s|BASE_IMAGE|$base_image|g; s|PULL_THROUGH_CACHE|${PULL_THROUGH_CACHE:-}|g" >"$work/policy.json" <<'POLICY'
{"rules":[{"action":"CONVERT","selector":{"identifier":"docker-image://docker.io/library/*","matchType":"WILDCARD"},"updates":{"identifier":"docker-image://public.ecr.aws/docker/library/${1}"}},{"action":"DENY","selector":{"identifier":"docker-image://docker.io/*","matchType":"WILDCARD"}},{"action":"DENY","selector":{"identifier":"docker-image://docker.io:443/*","matchType":"WILDCARD"}},{"action":"DENY","selector":{"identifier":"docker-image://index.docker.io/*","matchType":"WILDCARD"}},{"action":"DENY","selector":{"identifier":"docker-image://index.docker.io:443/*","matchType":"WILDCARD"}},{"action":"DENY","selector":{"identifier":"docker-image://registry-1.docker.io/*","matchType":"WILDCARD"}},{"action":"DENY","selector":{"identifier":"docker-image://registry-1.docker.io:443/*","matchType":"WILDCARD"}},{"action":"DENY","selector":{"identifier":"docker-image://registry.hub.docker.com/*","matchType":"WILDCARD"}},{"action":"DENY","selector":{"identifier":"docker-image://registry.hub.docker.com:443/*","matchType":"WILDCARD"}}]}
POLICY
  secrets=()
  if [ -n "${BUILD_CA_FILE:-}" ]; then secrets=(--secret "id=ca,src=$BUILD_CA_FILE"); fi
  arguments=()
  if [ -n "${BUILD_ARGS:-}" ]; then
    mapfile -t arguments < <(jq -r 'to_entries[] | "--build-arg", "\(.key)=\(.value)"' <<<"$BUILD_ARGS")
  fi
  if [ -n "${BUILD_TARGET:-}" ]; then arguments+=(--target "$BUILD_TARGET"); fi
  run_build() { # <more options>...
    EXPERIMENTAL_BUILDKIT_SOURCE_POLICY="$work/policy.json" build_behind_walls "$context" \
      --file "$to_build" \
      "${arguments[@]}" \
      --build-arg "Account_ID=$AWS_ACCOUNT_ID" \
      --build-arg "BASE_IMAGE=$base_image" \
      --label "org.opencontainers.image.revision=$COMMIT_ID" \
      --provenance=false \
      --progress=plain \
      "${secrets[@]}" \
      --tag "$image" "$@"
  }
  own_frontend
  patiently run_build

  # A Dockerfile may end in another base. The base is what the image's layers begin with.
  base_layers="$(docker buildx imagetools inspect "$base_image" --format '{{json .Image}}' |
    jq -ce .rootfs.diff_ids)"
  layers="$(docker image inspect --format '{{json .RootFS.Layers}}' "$image")"
  if jq -en --argjson base "$base_layers" --argjson image "$layers" \
    '$image[:($base | length)] == $base' >"$work/compared"; then
    # All of its steps are in the cache: only the labels are new.
    run_build \
      --label "org.opencontainers.image.base.name=$BASE_REPOSITORY_URI:$BASE_TAG" \
      --label "org.opencontainers.image.base.digest=$base_digest" &>"$work/labelled" ||
      { cat "$work/labelled"; exit 1; }
  else
    echo "the image was not built on $base_image: its layers begin otherwise"
  fi
}

reports=.test-reports # where the section "reports" looks
rm -rf "$reports"

test_image() { # runs the service's tests in $image, which gets no network and none of this build's credentials
  local container status=0
  container="$(docker create --network none --entrypoint sh "$image" -c "$TEST_COMMAND")"
  mkdir -m 777 "$reports" # the image may run as any user
  docker cp --quiet "$reports/." "$container:/reports"
  docker start --attach "$container" || status=$?
  docker cp --quiet "$container:/reports/." "$reports" || echo "the tests left no reports"
  # CodeBuild reads the reports on this host, where a link could name any file.
  find "$reports" ! -type f ! -type d -delete
  docker rm --force --volumes "$container" >/dev/null
  if [ "$status" != 0 ]; then
    echo "error: the tests ended with status $status: $TEST_COMMAND"
    exit 1
  fi
}

for registry in "${BASE_REPOSITORY_URI%%/*}" public.ecr.aws; do
  patiently log_in "$registry"
done
image="localhost/pull-request:$COMMIT_ID" # for this host only
build_image
test_image
echo "commit $COMMIT_ID is built and tested"
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
