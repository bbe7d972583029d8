"""Which changes of a Bitbucket repository start a pipeline."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_iam as iam

CONNECTION_TAG = "pythonbase:connection"
"""Tag of a pipeline: the connection that its source uses. The watch of that connection may retry the pipeline."""

_MOST_PATTERNS = 8
_LONGEST_PATTERN = 255
"""Limits for each list: https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_GitBranchFilterCriteria.html"""


@dataclass(frozen=True)
class BitbucketSource:
    """A Bitbucket repository, and which of its changes start a pipeline.

    A push to ``branch`` starts a release; with ``paths``, only if it changes a file that matches them. A push of a tag
    that matches ``tags`` starts a release too, whatever it changes: CodePipeline does not filter tags by path.

    Args:
        connection_arn: ARN of a CodeConnections connection to Bitbucket.
        repository: Workspace and repository, such as ``acme/orders``.
        branch: The branch whose pushes are released, and the target branch of pull requests. Default: ``main``.
        tags: Patterns of tags whose pushes are released as well, such as ``v*``. At most 8. The build refuses a tag
            whose commit is not on the branch. Default: no tags.
        unreviewed_tags: Whether tags of any commit are released. If so, put an approval before each environment.
            Default: only tags of commits on the branch.
        paths: Patterns of files that a push to the branch or a pull request must change, such as
            ``services/orders/**``. At most 8. Default: any file.

    Patterns have the syntax of CodePipeline: ``*`` matches inside a folder, ``**`` across folders, and ``?``, ``[…]``
    and ``{a,b}`` are supported: https://docs.aws.amazon.com/codepipeline/latest/userguide/syntax-glob.html

    Raises:
        ValueError: if the repository is not ``workspace/repository``, or CodePipeline would refuse the patterns.
    """

    connection_arn: str
    repository: str
    branch: str = "main"
    tags: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    unreviewed_tags: bool = False

    def __post_init__(self) -> None:
        workspace, _, name = self.repository.partition("/")
        if not workspace or not name or "/" in name:
            raise ValueError(f"repository must be workspace/repository, got {self.repository!r}")
        for kind, patterns in (("tags", self.tags), ("paths", self.paths)):
            if len(patterns) > _MOST_PATTERNS:
                raise ValueError(f"{kind} may be at most {_MOST_PATTERNS} patterns, got {len(patterns)}")
            for pattern in patterns:
                if not 1 <= len(pattern) <= _LONGEST_PATTERN:
                    raise ValueError(f"a pattern of {kind} must have 1 to {_LONGEST_PATTERN} characters: {pattern!r}")

    @property
    def only_on_branch(self) -> bool:
        """Whether builds check that their commit is on the branch, for which they need the repository's history."""
        return bool(self.tags) and not self.unreviewed_tags

    @property
    def workspace(self) -> str:
        """The part before the slash."""
        return self.repository.partition("/")[0]

    @property
    def name(self) -> str:
        """The part after the slash."""
        return self.repository.partition("/")[2]

    def action(
        self, output: codepipeline.Artifact, *, role: iam.IRole, history: bool = False
    ) -> actions.CodeStarConnectionsSourceAction:
        """The action of the Source stage, with its variables in the namespace ``Source``.

        Args:
            output: Its output artifact.
            role: Its role.
            history: Whether builds clone the repository with its history; their roles must then have permission to use
                the connection. Default: they get an archive of the commit, without history.
        """
        return actions.CodeStarConnectionsSourceAction(
            action_name="Bitbucket",
            connection_arn=self.connection_arn,
            owner=self.workspace,
            repo=self.name,
            branch=self.branch,
            output=output,
            code_build_clone_output=history,
            # A trigger starts the pipeline; with both, every push would start it twice.
            trigger_on_push=False,
            variables_namespace="Source",
            role=role,
        )

    def on_push(self, action: actions.CodeStarConnectionsSourceAction) -> codepipeline.TriggerProps:
        """The trigger of a pipeline that releases: pushes to the branch and of the tags."""
        filters = [
            codepipeline.GitPushFilter(branches_includes=[self._branch], file_paths_includes=[*self.paths] or None)
        ]
        if self.tags:
            # Each filter starts the pipeline by itself; in one filter, tags and branches would never both match:
            # https://docs.aws.amazon.com/codepipeline/latest/userguide/pipelines-filter.html
            filters.append(codepipeline.GitPushFilter(tags_includes=[*self.tags]))
        return _trigger(codepipeline.GitConfiguration(source_action=action, push_filter=filters))

    def on_pull_request(self, action: actions.CodeStarConnectionsSourceAction) -> codepipeline.TriggerProps:
        """The trigger of a pipeline that builds pull requests into the branch: opened, or with new commits."""
        events = [codepipeline.GitPullRequestEvent.OPEN, codepipeline.GitPullRequestEvent.UPDATED]
        wanted = codepipeline.GitPullRequestFilter(
            branches_includes=[self._branch], events=events, file_paths_includes=[*self.paths] or None
        )
        return _trigger(codepipeline.GitConfiguration(source_action=action, pull_request_filter=[wanted]))

    @property
    def _branch(self) -> str:
        """The branch as a pattern. Of the special characters of patterns, Git allows only braces in branch names."""
        return re.sub(r"([{}])", r"\\\1", self.branch)


def _trigger(configuration: codepipeline.GitConfiguration) -> codepipeline.TriggerProps:
    return codepipeline.TriggerProps(
        provider_type=codepipeline.ProviderType.CODE_STAR_SOURCE_CONNECTION, git_configuration=configuration
    )
