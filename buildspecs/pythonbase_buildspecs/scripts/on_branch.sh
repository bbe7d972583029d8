# Anybody who can push a tag can give it to a commit that nobody reviewed. Only what is on the branch is released.
git fetch --quiet origin "refs/heads/$SOURCE_BRANCH"
if ! git merge-base --is-ancestor "$COMMIT_ID" FETCH_HEAD; then
  echo "error: commit $COMMIT_ID is not on the branch $SOURCE_BRANCH, so it is not released: merge it and tag the" \
    "merged commit; or set unreviewed_tags: true, with an approval before each environment"
  exit 1
fi
# The build sees the same files as without this check.
rm -rf .git
