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
