"""ECR's lifecycle policies in the embedded AWS: previewed and carried out, with this application's own policy."""

from __future__ import annotations

import json
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template
from botocore.exceptions import ClientError

from pythonbase.images.repository import NEWEST_KEPT, RELEASE_TAGS, image_repository
from pythonbase_localcloud.instance import SECRET_ACCESS_KEY
from pythonbase_localcloud.testing.callers import allow, caller, unique
from pythonbase_localcloud.testing.registry_client import RegistryClient, manifest

if TYPE_CHECKING:
    from pythonbase_localcloud.testing.cloud import Cloud

pytestmark = pytest.mark.slow

DAY = 86_400


def _properties(name: str) -> dict[str, Any]:
    """The repository as the application's templates have it."""
    stack = Stack(App(), "Test")
    image_repository(stack, "Repository", repository_name=name, moving_tags=(RELEASE_TAGS,))
    (body,) = Template.from_stack(stack).find_resources("AWS::ECR::Repository").values()
    return dict(body["Properties"])


@pytest.fixture
def repository(cloud: Cloud) -> str:
    name = unique("kept")
    properties = _properties(name)
    ecr = cloud.client("ecr")
    ecr.create_repository(
        repositoryName=name,
        imageTagMutability=properties["ImageTagMutability"],
        imageTagMutabilityExclusionFilters=[
            {
                "filterType": item["ImageTagMutabilityExclusionFilterType"],
                "filter": item["ImageTagMutabilityExclusionFilterValue"],
            }
            for item in properties["ImageTagMutabilityExclusionFilters"]
        ],
    )
    ecr.put_lifecycle_policy(
        repositoryName=name, lifecyclePolicyText=properties["LifecyclePolicy"]["LifecyclePolicyText"]
    )
    return name


def _expire(cloud: Cloud, repository: str, *, now: float, key: str | None = None) -> tuple[int, Mapping[str, Any]]:
    """Carries the policy out, as if it were `now`."""
    query = urllib.parse.urlencode({"now": now, "region": cloud.region})
    request = urllib.request.Request(
        f"{cloud.endpoint_url}/_localcloud/repositories/{repository}/expire?{query}",
        method="POST",
        headers={"x-localcloud-access-key": key or cloud.account, "x-localcloud-secret": SECRET_ACCESS_KEY},
    )
    trust = ssl.create_default_context(cafile=cloud.environment()["AWS_CA_BUNDLE"])
    try:
        with urllib.request.urlopen(request, context=trust, timeout=60) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def _push(ecr: Any, repository: str, tag: str) -> str:
    """An image of its own for the tag."""
    image = ecr.put_image(
        repositoryName=repository, imageManifest=manifest(tag.encode(), b"layer").decode(), imageTag=tag
    )["image"]
    return str(image["imageId"]["imageDigest"])


def _tag(ecr: Any, repository: str, digest: str, tag: str) -> None:
    """As a release does it: the same image under another tag, which moves."""
    (image,) = ecr.batch_get_image(repositoryName=repository, imageIds=[{"imageDigest": digest}])["images"]
    ecr.put_image(repositoryName=repository, imageManifest=image["imageManifest"], imageTag=tag)


def _preview(ecr: Any, repository: str) -> dict[str, int]:
    ecr.start_lifecycle_policy_preview(repositoryName=repository)
    pages = ecr.get_paginator("get_lifecycle_policy_preview").paginate(repositoryName=repository)
    results = [result for page in pages for result in page["previewResults"]]
    return {result["imageDigest"]: result["appliedRulePriority"] for result in results}


def test_hundreds_of_pushes_and_years_leave_what_runs_and_what_can_be_rolled_back_to(
    cloud: Cloud, repository: str
) -> None:
    ecr = cloud.client("ecr")
    running, staging, forgotten = (_push(ecr, repository, tag) for tag in ("c-running", "c-staging", "c-forgotten"))
    _tag(ecr, repository, running, "release-production-0")
    _tag(ecr, repository, staging, "release-staging-99")
    _tag(ecr, repository, forgotten, "release-production-1")
    untagged = _push(ecr, repository, "release-x")
    pushed = [_push(ecr, repository, f"c{number}") for number in range(NEWEST_KEPT + 150)]
    # The next turn of the ring: the tag moves on, and the image that it leaves is kept by nothing else.
    _tag(ecr, repository, pushed[-1], "release-production-1")
    _tag(ecr, repository, pushed[-1], "release-x")

    lost = {forgotten, *pushed[:150]}
    # The untagged image goes by its age, so not today.
    assert _preview(ecr, repository).keys() == lost
    status, answer = _expire(cloud, repository, now=time.time() + 3 * 365 * DAY)
    assert (status, set(answer["expired"])) == (200, lost | {untagged})
    left = {entry["imageDigest"] for entry in ecr.list_images(repositoryName=repository)["imageIds"]}
    assert left == {running, staging, *pushed[150:]}
    registry = RegistryClient(cloud, ecr)
    assert registry.call("GET", f"/v2/{repository}/manifests/{running}").status == 200
    assert registry.call("GET", f"/v2/{repository}/manifests/{forgotten}").status == 404
    assert _expire(cloud, repository, now=time.time() + 3 * 365 * DAY) == (200, {"expired": []})


def test_a_preview_says_which_rule_expires_what_in_pages_and_removes_nothing(cloud: Cloud, repository: str) -> None:
    ecr = cloud.client("ecr")
    digests = [_push(ecr, repository, f"c{number}") for number in range(5)]
    rules = [{"rulePriority": 3, "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1},
              "action": {"type": "expire"}}]  # fmt: skip
    started = ecr.start_lifecycle_policy_preview(
        repositoryName=repository, lifecyclePolicyText=json.dumps({"rules": rules})
    )
    assert started["status"] == "IN_PROGRESS"
    first = ecr.get_lifecycle_policy_preview(repositoryName=repository, maxResults=3)
    assert (first["status"], first["summary"]["expiringImageTotalCount"]) == ("COMPLETE", 4)
    assert [result["imageDigest"] for result in first["previewResults"]] == digests[:3]
    assert {result["appliedRulePriority"] for result in first["previewResults"]} == {3}
    rest = ecr.get_lifecycle_policy_preview(repositoryName=repository, maxResults=3, nextToken=first["nextToken"])
    assert [result["imageTags"] for result in rest["previewResults"]] == [["c3"]]
    (one,) = ecr.get_lifecycle_policy_preview(repositoryName=repository, imageIds=[{"imageTag": "c1"}])[
        "previewResults"
    ]
    assert one["imageDigest"] == digests[1]
    assert len(ecr.list_images(repositoryName=repository)["imageIds"]) == 5


def test_what_is_missing_or_wrong_has_the_errors_of_ecr(cloud: Cloud, repository: str) -> None:
    ecr = cloud.client("ecr")
    with pytest.raises(ClientError, match="LifecyclePolicyPreviewNotFoundException"):
        ecr.get_lifecycle_policy_preview(repositoryName=repository)
    with pytest.raises(ClientError, match=r"InvalidParameterException.*no rules"):
        ecr.put_lifecycle_policy(repositoryName=repository, lifecyclePolicyText='{"rules": []}' + " " * 100)
    ecr.delete_lifecycle_policy(repositoryName=repository)
    with pytest.raises(ClientError, match="LifecyclePolicyNotFoundException"):
        ecr.start_lifecycle_policy_preview(repositoryName=repository)
    assert _expire(cloud, repository, now=time.time())[0] == 400


def test_only_root_lets_time_pass_and_a_preview_needs_its_permission(cloud: Cloud, repository: str) -> None:
    assert _expire(cloud, repository, now=time.time(), key="AKIAIOSFODNN7EXAMPLE")[0] == 403
    with pytest.raises(ClientError, match="AccessDenied"):
        caller(cloud, allow("ecr:GetLifecyclePolicyPreview"))("ecr").start_lifecycle_policy_preview(
            repositoryName=repository
        )
