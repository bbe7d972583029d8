"""The reasons for wildcards: acknowledgements of our code, and a table for wildcards that cdk-nag does not report."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.pages.policy_statements import Statement, Wildcard
from tests.unit.acknowledgements import Acknowledged


@dataclass(frozen=True)
class Unreported:
    """A wildcard that cdk-nag does not report."""

    path: str
    """A pattern for the construct path of the policy."""
    action: str
    """One of the statement's actions, or `MANAGED`."""
    wildcard: str
    """A pattern for the whole text of the wildcard."""
    reason: str

    def covers(self, wildcard: Wildcard, path: str, actions: tuple[str, ...]) -> bool:
        """Whether it is the reason for this wildcard of a statement in the policy at ``path``."""
        return bool(
            self.action in actions and re.fullmatch(self.path, path) and re.fullmatch(self.wildcard, wildcard.text)
        )


@dataclass(frozen=True)
class Table:
    """Wildcards that cdk-nag does not report."""

    unreported: tuple[Unreported, ...]
    unlimited: tuple[str, ...]
    """Actions that AWS does not let us limit to a resource that exists here. cdk-nag reports ``*`` for a role, for
    whatever action: without this list, an acknowledgement for one of these actions would cover all others."""


MANAGED = "managed policy"

TABLE = Table(
    unreported=(
        Unreported(
            r".*Role/DefaultPolicy/Resource",
            "secretsmanager:GetSecretValue",
            r"[^*?]*-\?{6}",
            "Secrets Manager appends six characters to a secret's name, which who knows only the name cannot know",
        ),
        Unreported(
            r"\w+/Network/Vpc/S3/Resource",
            "s3:GetObject",
            r"\*|[^*?]*-starport-layer-bucket/\*",
            "ECR signs the addresses of layers with credentials of its own, and their keys are digests",
        ),
        Unreported(
            r"\w+/Network/Vpc/S3/Resource",
            "s3:*",
            r"\*|s3:\*",
            "the policy of an endpoint gives nothing, it limits what passes: here to this account and its buckets",
        ),
        Unreported(
            r"\w+/Network/Vpc/(EcrApi|EcrDocker|Logs|SecretsManager)/Resource",
            "*",
            r"\*",
            "the policy of an endpoint gives nothing, it limits what passes: here to credentials of this account",
        ),
        Unreported(
            r"\w+/Custom::VpcRestrictDefaultSGCustomResourceProvider/Role",
            MANAGED,
            r".*/AWSLambdaBasicExecutionRole",
            "the CDK library gives the function that empties the VPC's default security group this policy: it allows "
            "writing logs only",
        ),
    ),
    unlimited=(
        "cloudwatch:PutMetricData",
        "ecr-public:GetAuthorizationToken",
        "ecr:GetAuthorizationToken",
        "ecs:DescribeTaskDefinition",
        "ecs:ListServices",
        "ecs:ListTasks",
        "sts:GetServiceBearerToken",
    ),
)


class Reasons:
    """Looks up reasons, and records which were missing and which were used.

    Args:
        acknowledged: What our code acknowledged, and its reasons.
        table: What cdk-nag does not say.
    """

    def __init__(self, acknowledged: Mapping[Acknowledged, str], table: Table) -> None:
        self._acknowledged, self._table = acknowledged, table
        self._used: set[Unreported | str] = set()
        self._missing: list[str] = []

    def of(self, statement: Statement) -> list[str]:
        """The reasons for the wildcards of a statement, each once."""
        found = [self._find(item, statement.path, statement.actions) for item in statement.wildcards]
        return [*dict.fromkeys(found)]

    def of_policy(self, policy: Wildcard, path: str) -> str:
        """The reason for a managed policy of the role at ``path``."""
        return self._find(policy, path, (MANAGED,))

    def problems(self) -> list[str]:
        """Wildcards without a reason, and entries of the table that nothing needed."""
        return [*dict.fromkeys(self._missing), *self._unused()]

    def _unused(self) -> Iterator[str]:
        for item in self._table.unreported:
            if item not in self._used:
                yield f"nothing needs the reason for {item.action} on {item.wildcard}"
        for action in self._table.unlimited:
            if action not in self._used:
                yield f"nothing may {action} on everything"

    def _find(self, wildcard: Wildcard, path: str, actions: tuple[str, ...]) -> str:
        nearest = max(
            (item for item in self._acknowledged if item.covers(path, wildcard.finding)),
            key=lambda item: len(item.path),
            default=None,
        )
        if nearest and self._may_be_acknowledged(wildcard, actions):
            return self._acknowledged[nearest]
        for item in self._table.unreported:
            if item.covers(wildcard, path, actions):
                self._used.add(item)
                return item.reason
        self._missing.append(f"{path}: {', '.join(actions)} on {wildcard.text} has no reason")
        return ""

    def _may_be_acknowledged(self, wildcard: Wildcard, actions: tuple[str, ...]) -> bool:
        if wildcard.text != "*":
            return True
        self._used.update(actions)
        return {*actions} <= {*self._table.unlimited}
