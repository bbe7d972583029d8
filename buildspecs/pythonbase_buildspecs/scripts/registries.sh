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

patiently() { # <command>: retried with growing waits while a registry is busy, until $deadline
  local pause=5 reason
  local busy='toomanyrequests|429 Too Many|50[0234] [A-Z]|i/o timeout|connection re|no such host'
  until "$@" 2>&1 | tee "$work/log"; do
    # A step of the Dockerfile that fails is no registry, nor is a name of Docker Hub, which has the address 0.0.0.0 here.
    if ! reason="$(grep -Ei "^(error.*($busy)|toomanyrequests)" "$work/log" | grep -vF '0.0.0.0' | tail -n 1)"; then
      return 1
    fi
    if ((SECONDS + pause > deadline)); then
      echo "error: the registry still refuses after $SECONDS s: $reason"
      return 1
    fi
    echo "the registry is busy: next attempt in $pause s: $reason"
    sleep "$pause"
    pause=$((pause < 150 ? pause * 2 : 300))
  done
}
