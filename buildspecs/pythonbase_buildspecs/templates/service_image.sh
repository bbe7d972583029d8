patience=600 # seconds, for all that waits for a registry
dockerfile='%{dockerfile}'
context='%{context}'
%{on_branch}

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

%{walls}

# Only BuildKit heeds the source policy. So that nothing else can pull from Docker Hub (docker pull and run, compose,
# the classic builder, a builder in a container), this host does not know where Docker Hub is.
printf '0.0.0.0 %s\n' "${docker_hub[@]}" >>/etc/hosts

%{frontend}

%{registries}

build_image() { # builds $image, with labels that say which base image it was built on, if it was
  local base_digest base_image secrets arguments base_layers layers
  # One build sees one base: the moving tag is resolved once.
  base_digest="$(docker buildx imagetools inspect "$BASE_REPOSITORY_URI:$BASE_TAG" \
    --format '{{json .Manifest}}' | jq -er .digest)"
  base_image="$BASE_REPOSITORY_URI@$base_digest"
  echo "base image: $base_image"

  # BuildKit itself refuses what the policy does not allow, wherever the Dockerfile names it.
  sed "s|BASE_IMAGE|$base_image|g; s|PULL_THROUGH_CACHE|${PULL_THROUGH_CACHE:-}|g" >"$work/policy.json" <<'POLICY'
%{source_policy}
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

%{test_image}

%{outcome}
