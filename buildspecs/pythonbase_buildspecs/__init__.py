"""The buildspecs of pythonbase as data: no AWS calls, no CDK."""

from pythonbase_buildspecs.base_image import base_image_buildspec
from pythonbase_buildspecs.buildspec import Buildspec
from pythonbase_buildspecs.image_reference import ImageReference
from pythonbase_buildspecs.service_image import REPORTS, pull_request_buildspec, service_image_buildspec
from pythonbase_buildspecs.source_policy import Decision, Mirror, Outcome, SourcePolicy

__all__ = [
    "REPORTS",
    "Buildspec",
    "Decision",
    "ImageReference",
    "Mirror",
    "Outcome",
    "SourcePolicy",
    "base_image_buildspec",
    "pull_request_buildspec",
    "service_image_buildspec",
]
