"""Record what was released. The image is written last: it is what counts."""

from __future__ import annotations

from pythonbase.releases.steps.calls import call, report
from pythonbase.releases.steps.hold import fenced, holding
from pythonbase.releases.steps.target import ReleaseTarget
from pythonbase.state_machines.errors import ANY_ERROR, catch
from pythonbase.state_machines.states import States, choice, jsonata

NO_BASE_IMAGE = "none"
"""What is recorded for an image that was not built on the base image; SSM takes no empty value."""


def record(target: ReleaseTarget) -> States:
    """Write the SSM parameters of the release. Continues with ``Unlock``."""
    names = target.names
    base_image = f"$baseImage = '' ? '{NO_BASE_IMAGE}' : $baseImage"
    release = "$string({'image': $image, 'baseImage': $baseImage, 'commit': $commit, 'by': $by, 'why': $why})"
    return {
        "IsItRecorded": choice(("$recorded = $image", "Unlock"), otherwise="HoldRecordBaseImage"),
        **_write(target, "RecordBaseImage", names.base_image_parameter, base_image, then="HoldRecordRelease"),
        **_write(target, "RecordRelease", names.release_parameter, release, then="HoldRecordImage"),
        **_write(target, "RecordImage", names.image_parameter, "$image", then="Unlock"),
    }


def _write(target: ReleaseTarget, name: str, parameter: str, value: str, *, then: str) -> States:
    """PutParameter, which has a low rate that all releases of an account share:
    https://docs.aws.amazon.com/general/latest/gr/ssm.html#limits_ssm
    """
    cause = f"'it ran, but {parameter} could not be written: '"
    not_recorded = {
        "error": "Release.NotRecorded",
        "cause": jsonata(f"{cause} & $states.errorOutput.Error & ': ' & $states.errorOutput.Cause"),
    }
    write = call(
        "aws-sdk:ssm:putParameter",
        {"Name": fenced(f"'{parameter}'"), "Value": jsonata(value), "Type": "String", "Overwrite": True},
        then=then,
        fails=catch(ANY_ERROR, then="PutBack", assign=not_recorded),
    )
    return holding(target, name, write, fails=report("PutBack"))
