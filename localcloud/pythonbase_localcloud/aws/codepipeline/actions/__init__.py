"""What each kind of action does. A function takes the context and returns the output variables."""

from collections.abc import Callable, Mapping

from pythonbase_localcloud.aws.codepipeline.context import ActionContext

from . import codebuild, ecs, functions, manual, source, stepfunctions

Action = Callable[[ActionContext], Mapping[str, str]]

ACTIONS: dict[str, Action] = {
    "CodeStarSourceConnection": source.run,
    "CodeBuild": codebuild.run,
    "ECS": ecs.run,
    "StepFunctions": stepfunctions.run,
    "Lambda": functions.run,
    "Manual": manual.run,
}
