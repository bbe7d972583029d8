"""Runtime and code of the Lambda functions here: each is a folder in the ``handlers`` of a subpackage."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import aws_lambda as lambda_

RUNTIME = lambda_.Runtime.PYTHON_3_14


def handler_code(folder: Path) -> lambda_.Code:
    """The files of a handler, without what Python writes beside them: only a changed file changes the function."""
    return lambda_.Code.from_asset(str(folder), exclude=["__pycache__", "*.pyc"])
