"""What a lifecycle policy expires, by the rules that ECR documents for its evaluator.

https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html#lp_evaluation_rules

Left out: the archive storage class, ``sinceImagePulled``, and the removal of reference artifacts with their subject.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

_DAY = 86_400.0
_MOST_WILDCARDS = 4


class PolicyError(ValueError):
    """The policy is none that ECR takes, or none that this module can evaluate."""


@dataclass(frozen=True, kw_only=True)
class Image:
    """What the evaluator looks at.

    Args:
        digest: Digest of the manifest.
        tags: Its tags; none for an untagged image.
        pushed_at: When it was pushed, in seconds since the epoch.
        part_of: Digests of the manifest lists in the repository that name it.
    """

    digest: str
    tags: tuple[str, ...]
    pushed_at: float
    part_of: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule, checked."""

    priority: int
    tag_status: str
    patterns: tuple[str, ...]
    """Patterns of tags; a prefix is one that ends with a wildcard."""
    by_count: bool
    """``imageCountMoreThan``, not ``sinceImagePushed``."""
    number: int
    """Images to keep, or the age in days to keep."""

    def selects(self, image: Image) -> bool:
        """Whether the image meets the tagging requirements: each pattern is matched by one of its tags."""
        if self.tag_status == "untagged":
            return not image.tags
        return all(any(fnmatchcase(tag, pattern) for tag in image.tags) for pattern in self.patterns)

    def expires(self, images: Sequence[Image], *, now: float) -> set[str]:
        """Digests of the selected images that are too many or too old; images come newest first."""
        selected = [image for image in images if self.selects(image)]
        if self.by_count:
            return {image.digest for image in selected[self.number :]}
        return {image.digest for image in selected if image.pushed_at < now - self.number * _DAY}


def parse(text: str) -> list[Rule]:
    """The rules of a policy, by priority.

    Raises:
        PolicyError: with what is wrong.
    """
    try:
        rules = sorted((_rule(rule) for rule in json.loads(text)["rules"]), key=lambda rule: rule.priority)
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise PolicyError(f"the policy is malformed: {error!r}") from error
    if not rules:
        raise PolicyError("the policy has no rules")
    if len({rule.priority for rule in rules}) != len(rules):
        raise PolicyError("each rule needs a rulePriority of its own")
    if sum(rule.tag_status == "untagged" for rule in rules) > 1:
        raise PolicyError("only one rule may select untagged images")
    if any(rule.tag_status == "any" for rule in rules[:-1]):
        raise PolicyError("a rule for any image must have the highest rulePriority")
    wanted = [frozenset(rule.patterns) for rule in rules if rule.tag_status == "tagged"]
    if len(set(wanted)) != len(wanted):
        raise PolicyError("two rules select the same tags")
    return rules


def expired_by(rules: Iterable[Rule], images: Iterable[Image], *, now: float) -> dict[str, int]:
    """Digest of each image that expires, with the priority of the rule that expires it.

    All rules are evaluated on all images, then applied by priority: an image whose tags a rule selects is out of reach
    for rules behind it, and still counts for them. An image that a manifest list names expires only after the list.
    """
    newest_first = sorted(images, key=lambda image: image.pushed_at, reverse=True)
    free = {image.digest: image for image in newest_first}
    result: dict[str, int] = {}
    for rule in rules:
        found = rule.expires(newest_first, now=now)
        result |= {digest: rule.priority for digest in found if digest in free and not free[digest].part_of}
        free = {digest: image for digest, image in free.items() if not rule.selects(image)}
    return result


def _rule(rule: dict[str, Any]) -> Rule:
    selection, action = rule["selection"], rule["action"]["type"]
    status, kind, number = selection["tagStatus"], selection["countType"], selection["countNumber"]
    prefixes, patterns = selection.get("tagPrefixList") or [], selection.get("tagPatternList") or []
    if action != "expire" or selection.get("storageClass", "standard") != "standard":
        raise PolicyError("the local cloud has no archive: rules expire images of the standard storage class")
    if status not in ("tagged", "untagged", "any"):
        raise PolicyError(f"tagStatus must be tagged, untagged or any, got {status!r}")
    if bool(prefixes) and bool(patterns):
        raise PolicyError("a rule has a tagPrefixList or a tagPatternList, not both")
    if (status == "tagged") != bool(prefixes or patterns):
        raise PolicyError("a tagPrefixList or tagPatternList goes with tagStatus tagged, and only with it")
    if any(pattern.count("*") > _MOST_WILDCARDS for pattern in patterns):
        raise PolicyError(f"a pattern has at most {_MOST_WILDCARDS} wildcards")
    if kind not in ("imageCountMoreThan", "sinceImagePushed"):
        raise PolicyError(f"the local cloud does not know the countType {kind!r}")
    if (selection.get("countUnit") == "days") != (kind == "sinceImagePushed"):
        raise PolicyError("countUnit days goes with sinceImagePushed, and only with it")
    if not isinstance(number, int) or number < 1:
        raise PolicyError(f"countNumber must be a positive integer, got {number!r}")
    return Rule(
        priority=int(rule["rulePriority"]),
        tag_status=status,
        patterns=(*patterns, *(f"{prefix}*" for prefix in prefixes)),
        by_count=kind == "imageCountMoreThan",
        number=number,
    )
