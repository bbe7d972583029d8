digest_of() { # <tag>
  aws ecr batch-get-image --repository-name "$REPOSITORY_NAME" --image-ids "imageTag=$1" \
    --query 'images[].imageId.imageDigest' --output text
}

# The archive of a commit does not say who wrote it; the pipeline's source does, if Bitbucket told. Without what JSON
# cares about, because it becomes a part of the release's input.
COMMIT_AUTHOR="$(aws codepipeline list-action-executions --pipeline-name "$PIPELINE_NAME" \
  --filter "pipelineExecutionId=$PIPELINE_EXECUTION_ID" --output json \
  --query "actionExecutionDetails[?stageName=='Source'].output.outputVariables.AuthorDisplayName | [0]" |
  jq -r '. // "unknown" | gsub("[\"\\\\[:cntrl:]]"; " ") | .[:100]')"
export COMMIT_AUTHOR

for registry in "${BASE_REPOSITORY_URI%%/*}" "${REPOSITORY_URI%%/*}" public.ecr.aws; do
  patiently log_in "$registry"
done
image="$REPOSITORY_URI:$COMMIT_ID"
digest="$(digest_of "$COMMIT_ID")"
if [ -n "$digest" ]; then
  # Tags are immutable: a commit that was built before is released as it is.
  echo "commit $COMMIT_ID was built before: $digest"
else
  build_image
  test_image
  # The engine repeats a push by itself. A registry may have taken one whose connection broke.
  docker push --quiet "$image" || [ -n "$(digest_of "$COMMIT_ID")" ]
  digest="$(digest_of "$COMMIT_ID")"
  : "${digest:?the registry does not show the image that was pushed}"
fi

# The label is the truth about the base, also for an image that was built before. CodePipeline takes no empty value.
base_digest="$(docker buildx imagetools inspect "$REPOSITORY_URI@$digest" --format '{{json .Image}}' |
  jq -r '.config.Labels["org.opencontainers.image.base.digest"] // ""')"
export IMAGE_URI="$REPOSITORY_URI@$digest"
export BASE_IMAGE_URI="none"
if [ -n "$base_digest" ]; then BASE_IMAGE_URI="$BASE_REPOSITORY_URI@$base_digest"; fi
printf '[{"name":"%s","imageUri":"%s"}]\n' '%{container_name}' "$IMAGE_URI" >imagedefinitions.json
cat imagedefinitions.json
