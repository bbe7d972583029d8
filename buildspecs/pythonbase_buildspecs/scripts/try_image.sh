log_in "$BASE_REPOSITORY_URI"
image="localhost/pull-request:$COMMIT_ID" # for this host only
build_image
test_image
echo "commit $COMMIT_ID is built and tested"
