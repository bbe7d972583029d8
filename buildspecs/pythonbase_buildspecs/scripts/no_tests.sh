test_image() {
  echo "there are no tests: the service has no test command"
}
