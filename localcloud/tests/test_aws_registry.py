"""ECR: images over the registry protocol and through the API, each request checked by IAM."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from pythonbase_localcloud.testing.callers import allow, caller, unique, wait_for
from pythonbase_localcloud.testing.registry_client import RegistryClient, digest, manifest

if TYPE_CHECKING:
    from pythonbase_localcloud.testing.cloud import Cloud

_PUSH = ("ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage")


@pytest.fixture
def repository(cloud: Cloud) -> str:
    name = unique("team/app")
    cloud.client("ecr").create_repository(
        repositoryName=name,
        imageTagMutability="IMMUTABLE_WITH_EXCLUSION",
        imageTagMutabilityExclusionFilters=[{"filterType": "WILDCARD", "filter": "latest*"}],
    )
    return name


def _arn(cloud: Cloud, repository: str) -> str:
    return f"arn:aws:ecr:{cloud.region}:{cloud.account}:repository/{repository}"


def test_a_client_without_token_is_asked_for_basic_authentication(cloud: Cloud) -> None:
    answer = RegistryClient(cloud).call("GET", "/v2/")
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert RegistryClient(cloud, cloud.client("ecr")).call("GET", "/v2/").status == 200


def test_an_unknown_token_is_refused(cloud: Cloud) -> None:
    answer = RegistryClient(cloud).call("GET", "/v2/", headers={"Authorization": "Basic QVdTOm5vdGhpbmc="})
    assert answer.status == 403
    assert "authorization token has expired" in answer.error["message"]


def test_a_pushed_image_is_seen_by_the_api_with_size_and_tags(cloud: Cloud, repository: str) -> None:
    ecr = cloud.client("ecr")
    layer = b"x" * 3_000_000
    answer = RegistryClient(cloud, ecr).put_image(repository, "v1", content=layer)
    assert answer.status == 201
    (image,) = ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": "v1"}])["imageDetails"]
    assert image["imageDigest"] == answer.headers["Docker-Content-Digest"]
    assert image["imageSizeInBytes"] > len(layer)
    assert image["imageTags"] == ["v1"]
    pulled = RegistryClient(cloud, ecr).call("GET", f"/v2/{repository}/blobs/{digest(layer)}")
    assert pulled.body == layer
    stored = json.loads(
        ecr.batch_get_image(repositoryName=repository, imageIds=[{"imageTag": "v1"}])["images"][0]["imageManifest"]
    )
    assert stored["layers"][0]["digest"] == digest(layer)


def test_an_unknown_tag_is_an_error_not_an_empty_list(cloud: Cloud, repository: str) -> None:
    with pytest.raises(ClientError) as error:
        cloud.client("ecr").describe_images(repositoryName=repository, imageIds=[{"imageTag": "nope"}])
    assert error.value.response["Error"]["Code"] == "ImageNotFoundException"


def test_an_immutable_tag_cannot_be_pushed_again_and_an_excluded_one_moves(cloud: Cloud, repository: str) -> None:
    ecr = cloud.client("ecr")
    registry = RegistryClient(cloud, ecr)
    assert registry.put_image(repository, "v1", content=b"one").status == 201
    refused = registry.put_image(repository, "v1", content=b"two")
    assert (refused.status, refused.error["code"]) == (400, "TAG_INVALID")
    assert "already exists" in refused.error["message"]
    first = registry.put_image(repository, "latest-a", content=b"one")
    second = registry.put_image(repository, "latest-a", content=b"two")
    assert second.status == 201
    (image,) = ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": "latest-a"}])["imageDetails"]
    assert image["imageDigest"] == second.headers["Docker-Content-Digest"] != first.headers["Docker-Content-Digest"]
    filters = ecr.describe_repositories(repositoryNames=[repository])["repositories"][0][
        "imageTagMutabilityExclusionFilters"
    ]
    assert filters == [{"filterType": "WILDCARD", "filter": "latest*"}]


def test_put_image_refuses_an_immutable_tag_and_the_same_image_by_name(cloud: Cloud, repository: str) -> None:
    ecr = cloud.client("ecr")
    registry = RegistryClient(cloud, ecr)
    registry.put_image(repository, "v1", content=b"one")
    registry.put_image(repository, "v2", content=b"two")
    images = ecr.batch_get_image(repositoryName=repository, imageIds=[{"imageTag": "v1"}, {"imageTag": "v2"}])["images"]
    one, two = (image["imageManifest"] for image in images)
    for text, code in ((one, "ImageAlreadyExistsException"), (two, "ImageTagAlreadyExistsException")):
        with pytest.raises(ClientError) as error:
            ecr.put_image(repositoryName=repository, imageManifest=text, imageTag="v1")
        assert error.value.response["Error"]["Code"] == code


def test_deleting_a_tag_keeps_the_image_until_its_last_tag(cloud: Cloud, repository: str) -> None:
    ecr = cloud.client("ecr")
    registry = RegistryClient(cloud, ecr)
    image = registry.put_image(repository, "v1").headers["Docker-Content-Digest"]
    registry.put_image(repository, "latest")
    assert {entry.get("imageTag") for entry in ecr.list_images(repositoryName=repository)["imageIds"]} == {
        "v1",
        "latest",
    }
    ecr.batch_delete_image(repositoryName=repository, imageIds=[{"imageTag": "latest"}])
    assert ecr.list_images(repositoryName=repository)["imageIds"] == [{"imageDigest": image, "imageTag": "v1"}]
    ecr.batch_delete_image(repositoryName=repository, imageIds=[{"imageTag": "v1"}])
    assert ecr.list_images(repositoryName=repository)["imageIds"] == []
    assert registry.call("GET", f"/v2/{repository}/manifests/{image}").status == 404


def test_an_index_needs_its_manifests_and_untagged_images_are_listed_as_such(cloud: Cloud, repository: str) -> None:
    ecr = cloud.client("ecr")
    registry = RegistryClient(cloud, ecr)
    config = b"{}"
    child = manifest(config, b"layer")
    index = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [
                {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest(child), "size": len(child)}
            ],
        }
    )
    assert registry.put_manifest(repository, "multi", index.encode()).status == 400
    for blob in (config, b"layer"):
        registry.put_blob(repository, blob)
    assert registry.put_manifest(repository, digest(child), child).status == 201
    assert registry.put_manifest(repository, "multi", index.encode()).status == 201
    listed = ecr.list_images(repositoryName=repository, filter={"tagStatus": "UNTAGGED"})["imageIds"]
    assert listed == [{"imageDigest": digest(child)}]


def test_content_that_does_not_match_its_digest_is_refused(cloud: Cloud, repository: str) -> None:
    registry = RegistryClient(cloud, cloud.client("ecr"))
    location = registry.call("POST", f"/v2/{repository}/blobs/uploads/", b"").headers["Location"]
    answer = registry.call("PUT", f"{location}?digest={digest(b'other')}", b"this")
    assert (answer.status, answer.error["code"]) == (400, "DIGEST_INVALID")


def test_a_push_needs_every_push_permission_on_the_repository(cloud: Cloud, repository: str) -> None:
    token = allow("ecr:GetAuthorizationToken")
    full = caller(cloud, token, allow(*_PUSH, on=_arn(cloud, repository)))
    assert RegistryClient(cloud, full("ecr")).put_image(repository, unique("v")).status == 201
    for missing in _PUSH:
        rest = caller(cloud, token, allow(*(set(_PUSH) - {missing}), on=_arn(cloud, repository)))
        refused = RegistryClient(cloud, rest("ecr")).put_image(repository, unique("v"))
        assert (refused.status, refused.error["code"]) == (403, "DENIED"), missing
        assert (
            f"is not authorized to perform: {missing} on resource: {_arn(cloud, repository)}"
            in refused.error["message"]
        )


def test_a_pull_needs_the_pull_permissions_and_only_on_this_repository(cloud: Cloud, repository: str) -> None:
    RegistryClient(cloud, cloud.client("ecr")).put_image(repository, "v1", content=b"layer")
    token = allow("ecr:GetAuthorizationToken")
    manifest_path, blob_path = f"/v2/{repository}/manifests/v1", f"/v2/{repository}/blobs/{digest(b'layer')}"
    reader = RegistryClient(
        cloud,
        caller(cloud, token, allow("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", on=_arn(cloud, repository)))(
            "ecr"
        ),
    )
    assert [reader.call("GET", path).status for path in (manifest_path, blob_path)] == [200, 200]
    other = RegistryClient(cloud, caller(cloud, token, allow("ecr:*", on=_arn(cloud, "another")))("ecr"))
    assert [other.call("GET", path).status for path in (manifest_path, blob_path)] == [403, 403]


def test_a_repository_policy_lets_another_principal_pull(cloud: Cloud, repository: str) -> None:
    ecr = cloud.client("ecr")
    RegistryClient(cloud, ecr).put_image(repository, "v1")
    stranger = caller(cloud, allow("ecr:GetAuthorizationToken"))
    registry = RegistryClient(cloud, stranger("ecr"))
    assert registry.call("GET", f"/v2/{repository}/manifests/v1").status == 403
    arn = stranger("sts").get_caller_identity()["Arn"].replace(":sts:", ":iam:").replace("assumed-role", "role")
    ecr.set_repository_policy(
        repositoryName=repository,
        policyText=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Allow", "Principal": {"AWS": arn.rsplit("/", 1)[0]}, "Action": "ecr:BatchGetImage"}
                ],
            }
        ),
    )
    assert registry.call("GET", f"/v2/{repository}/manifests/v1").status == 200


def test_a_token_is_denied_without_permission(cloud: Cloud) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        caller(cloud, allow("ecr:BatchGetImage"))("ecr").get_authorization_token()


def test_a_push_emits_the_ecr_image_action_event(cloud: Cloud, repository: str) -> None:
    sqs, events = cloud.client("sqs"), cloud.client("events")
    name = unique("pushes")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    events.put_rule(
        Name=name,
        EventPattern=json.dumps(
            {"source": ["aws.ecr"], "detail": {"repository-name": [repository], "action-type": ["PUSH"]}}
        ),
    )
    events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": f"arn:aws:sqs:{cloud.region}:{cloud.account}:{name}"}])
    pushed = RegistryClient(cloud, cloud.client("ecr")).put_image(repository, "v7")

    def received() -> dict[str, str] | None:
        messages = sqs.receive_message(QueueUrl=url).get("Messages")
        return json.loads(messages[0]["Body"])["detail"] if messages else None

    detail = wait_for(received)
    assert (detail["image-tag"], detail["result"]) == ("v7", "SUCCESS")
    assert detail["image-digest"] == pushed.headers["Docker-Content-Digest"]
