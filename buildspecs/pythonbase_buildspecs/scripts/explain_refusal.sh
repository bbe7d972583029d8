explain_refusal() { # one line after BuildKit's own, for a source that the policy refused
  local source place instead
  source="$(sed -nE 's|.*source "docker-image://([^"]+)" (denied\|not allowed).*|\1|p' "$work/log" | tail -n 1)"
  case "$source" in
    docker.io/* | index.docker.io* | registry-1.docker.io* | registry.hub.docker.com* | docker.io:*) ;;
    *) return ;; # nothing, or refused by a policy of the repository's own
  esac
  # BuildKit names the line of most sources; the name as people write it is looked for where it does not.
  place="$(grep -E '^[^ ]+:[0-9]+$' "$work/log" | tail -n 1)" || place=""
  instead="${source#docker.io/library/}"
  if [ -z "$place" ]; then
    place="$(grep -nF "${instead%:latest}" "$dockerfile" | head -n 1 | cut -d: -f1)" || place=""
    place="$dockerfile${place:+:$place}"
  fi
  case "$source" in
    docker.io/library/*) instead="write public.ecr.aws/docker/library/$instead, ECR Public's mirror of it," ;;
    *) instead="push a copy to ECR and write its name," ;;
  esac
  echo "error: $place: $source is on Docker Hub, which this build may not use: $instead or start from the base image"
}
