dockerfile=Dockerfile
patience="$UPSTREAM_PATIENCE" # seconds, for all that waits for a registry

digest_of() { # <tag>
  aws ecr batch-get-image --repository-name "$REPOSITORY_NAME" --image-ids "imageTag=$1" \
    --query 'images[].imageId.imageDigest' --output text
}

%{registries}

%{walls}

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

%{frontend}

cat >"$work/upstream.py" <<'PYTHON'
%{upstream_script}
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
%{source_policy}
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
