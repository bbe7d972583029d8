"""Keep the image from expiring, before anything depends on it."""

from __future__ import annotations

from pythonbase.releases.names import RING_SIZE
from pythonbase.releases.steps.calls import call, failure, report
from pythonbase.releases.steps.hold import fenced, holding
from pythonbase.releases.steps.target import ReleaseTarget
from pythonbase.state_machines.errors import catch
from pythonbase.state_machines.states import States, choice, jsonata


def keep(target: ReleaseTarget) -> States:
    """Check that the image is in the repository, and tag it. Continues with ``HoldRegister``.

    A repository in another Region has no such steps. They must not be in the definition then: Step Functions refuses a
    step to which no other leads, https://github.com/aws-cloudformation/cfn-lint/issues/4073
    """
    if not target.repository_is_here:
        return {}
    image = {"RegistryId": target.registry_id, "RepositoryName": target.names.repository_name}
    digest = jsonata("$substringAfter($image, '@')")
    return {
        "Manifest": call(
            "aws-sdk:ecr:batchGetImage",
            {**image, "ImageIds": [{"ImageDigest": digest}]},
            assign={
                "manifest": jsonata("$exists($states.result.Images[0]) ? $states.result.Images[0].ImageManifest : ''"),
                "manifestType": jsonata(
                    "$exists($states.result.Images[0].ImageManifestMediaType) ? "
                    "$states.result.Images[0].ImageManifestMediaType : 'application/vnd.oci.image.manifest.v1+json'"
                ),
            },
            then="IsImageThere",
            fails=report("Unread"),
        ),
        "IsImageThere": choice(("$manifest = ''", "Expired"), otherwise="HoldKeep"),
        "Expired": failure(
            "Failed",
            "Release.ImageExpired",
            f"$image & ' is not in the repository {target.names.repository_name} any more'",
        ),
        **holding(
            target,
            "Keep",
            call(
                "aws-sdk:ecr:putImage",
                {
                    **image,
                    "RepositoryName": fenced(f"'{target.names.repository_name}'"),
                    "ImageManifest": jsonata("$manifest"),
                    "ImageManifestMediaType": jsonata("$manifestType"),
                    "ImageDigest": digest,
                    "ImageTag": jsonata(f"'{target.names.ring_tag_prefix}' & $string(($version + 1) % {RING_SIZE})"),
                },
                catches=[catch("Ecr.ImageAlreadyExistsException", then="HoldRegister")],
                then="HoldRegister",
                fails=report("Failed"),
            ),
            fails=report("Failed"),
        ),
    }
