"""Write what was released, the image last: it is what counts."""

from __future__ import annotations

from pythonbase.releases.steps.lock import holding
from pythonbase.releases.steps.states import State, States, choice, fenced, task
from pythonbase.releases.steps.target import ReleaseTarget

NO_BASE_IMAGE = "none"
"""What is recorded for an image that was not built on the base image; SSM takes no empty value."""


def record(target: ReleaseTarget) -> States:
    """Goes on with ``Unlock``."""
    names = target.names
    release = "{% $string({'image': $image, 'baseImage': $baseImage, 'commit': $commit, 'by': $by, 'why': $why}) %}"
    return {
        "IsItRecorded": choice(("$recorded = $image", "Unlock"), otherwise="HoldRecordBaseImage"),
        **holding(
            target,
            "RecordBaseImage",
            _write(
                names.base_image_parameter,
                f"{{% $baseImage = '' ? '{NO_BASE_IMAGE}' : $baseImage %}}",
                "HoldRecordRelease",
            ),
        ),
        **holding(target, "RecordRelease", _write(names.release_parameter, release, "HoldRecordImage")),
        **holding(target, "RecordImage", _write(names.image_parameter, "{% $image %}", "Unlock")),
    }


def _write(parameter: str, value: str, then: str) -> State:
    # PutParameter has a low rate, which an account's releases share:
    # https://docs.aws.amazon.com/general/latest/gr/ssm.html#limits_ssm
    state = task(
        "aws-sdk:ssm:putParameter",
        {"Name": fenced(f"'{parameter}'"), "Value": value, "Type": "String", "Overwrite": True},
        then=then,
    )
    state["Catch"] = [
        {
            "ErrorEquals": ["States.ALL"],
            "Next": "PutBack",
            "Assign": {
                "error": "Release.NotRecorded",
                "cause": f"{{% 'it ran, but {parameter} could not be written: ' & "
                "$states.errorOutput.Error & ': ' & $states.errorOutput.Cause %}",
            },
        }
    ]
    return state
