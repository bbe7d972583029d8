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
