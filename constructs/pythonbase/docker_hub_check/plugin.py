"""The validation plugin."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import jsii
from aws_cdk import (
    IPolicyValidationContext,
    IPolicyValidationPlugin,
    PolicyValidationPluginReport,
    PolicyViolatingResource,
    PolicyViolation,
)
from constructs import IConstruct

from pythonbase.docker_hub_check.assembly import SynthesizedStack, ancestry
from pythonbase.docker_hub_check.finding import CANNOT_TELL_RULE, PULL_RULE, Finding, Rule
from pythonbase.docker_hub_check.template_check import check_template

_ACKNOWLEDGED = "aws:cdk:acknowledged-rules"
# Prefix that the CDK library adds to an acknowledged id without a plugin name.
_NO_PLUGIN = "Annotation::"


@jsii.implements(IPolicyValidationPlugin)
class DockerHubCheck:
    """Fails the synthesis of an app that would pull anything from Docker Hub when it runs or builds.

    Checks, in all templates, including nested stacks: all containers of ECS task definitions (also sidecars) and of
    Express services, AWS Batch jobs of every kind, CodeBuild project images and the text of buildspecs (see
    ``buildspec_scan``), Lambda images, App Runner, SageMaker models, Lightsail, Image Builder and Bedrock AgentCore
    containers, and Kubernetes manifests that the CDK applies to EKS (``add_manifest``, ``KubernetesPatch``).

    Two kinds of findings, both errors, both with the path of the construct:

    - ``PythonbaseDockerHub[docker.io/library/nginx:1.29]``: the image is on Docker Hub.
    - ``PythonbaseDockerHubCannotTell[<Repository>]``: the registry is known only at deployment, for instance because
      the image comes from a custom resource, an SSM parameter, or a parameter without a default.

    An acknowledgement accepts one finding on a construct and below it, as with cdk-nag:
    ``Validations.of(construct).acknowledge(Acknowledgment(id="PythonbaseDockerHub[…]", reason="…"))``. Copy the id from
    the report, with or without the prefix, which is the name of this plugin.

    Does not check what is not in the templates: images of Helm charts on EKS, buildspecs and Dockerfiles of
    repositories, images that CDK assets are built from, user data of EC2 instances, templates of other apps, and values
    that an operator passes for template parameters instead of their defaults.

    Example::

        Validations.of(app).add_plugins(DockerHubCheck())
    """

    @property
    def name(self) -> str:
        """Name in the report."""
        return "DockerHubCheck"

    @property
    def rule_ids(self) -> list[str] | None:
        """The rules, without findings."""
        return [PULL_RULE, CANNOT_TELL_RULE]

    @property
    def version(self) -> str | None:
        """None: the report does not need it."""
        return None

    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        """Called by the CDK library when all templates are written."""
        found: dict[Rule, dict[tuple[Path, str], list[str]]] = {}
        for finding, _ in self.findings(context):
            places = found.setdefault(finding.rule, {})
            places.setdefault((finding.template, finding.logical_id), []).append(finding.location)
        return PolicyValidationPluginReport(
            success=not found,
            violations=[_violation(rule, places) for rule, places in found.items()],
        )

    def findings(self, context: IPolicyValidationContext) -> list[tuple[Finding, str]]:
        """The findings that are not acknowledged, each with the path of its construct; raises nothing.

        Args:
            context: What the CDK library passes to a plugin: ``stack_templates`` and ``app_construct`` are read.
        """
        result: list[tuple[Finding, str]] = []
        for item in context.stack_templates:
            stack = SynthesizedStack(Path(item.template_path))
            found = [finding for template in stack.templates for finding in check_template(template)]
            above = _acknowledged_above(context.app_construct, item.stack_construct_path) if found else {}
            for finding in found:
                key = (finding.template.name, finding.logical_id)
                path = stack.construct_paths.get(key, item.stack_construct_path)
                if not _is_acknowledged(finding.rule.id, path, (stack.acknowledged, above)):
                    result.append((finding, path))
        return result


def _violation(rule: Rule, places: dict[tuple[Path, str], list[str]]) -> PolicyViolation:
    return PolicyViolation(
        rule_name=rule.id,
        description=rule.description,
        fix=rule.fix,
        # Set explicitly: if part of a report is acknowledged, only errors fail the synthesis.
        severity="error",
        violating_resources=[
            PolicyViolatingResource(resource_logical_id=logical_id, template_path=str(template), locations=locations)
            for (template, logical_id), locations in places.items()
        ],
    )


def _is_acknowledged(rule_id: str, path: str, acknowledged: Sequence[dict[str, set[str]]]) -> bool:
    """The CDK library itself accepts only ids with the plugin's name as prefix."""
    return any(f"{_NO_PLUGIN}{rule_id}" in at.get(above, ()) for above in ancestry(path) for at in acknowledged)


def _acknowledged_above(app: IConstruct, stack_path: str) -> dict[str, set[str]]:
    """What is acknowledged on the app and on stages: no stack's metadata contains it."""
    construct = app
    result = {"": _acknowledged_at(app)}
    for name in stack_path.split("/")[:-1]:
        child = construct.node.try_find_child(name)
        if child is None:
            break
        construct = child
        result[construct.node.path] = _acknowledged_at(construct)
    return result


def _acknowledged_at(construct: IConstruct) -> set[str]:
    entries: Iterable[object] = (entry.data for entry in construct.node.metadata if entry.type == _ACKNOWLEDGED)
    return {rule for data in entries if isinstance(data, dict) for rule in data}
