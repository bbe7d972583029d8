for registry in "${BASE_REPOSITORY_URI%%/*}" public.ecr.aws; do
  patiently log_in "$registry"
done
image="localhost/pull-request:$COMMIT_ID" # for this host only
build_image
test_image
echo "commit $COMMIT_ID is built and tested"
