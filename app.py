"""Creates the stacks that platform.yaml describes. ``cdk deploy -c config=other.yaml`` reads another file."""

import os
import sys
from pathlib import Path

from aws_cdk import App, Environment

from pythonbase_settings import SettingsError, load_settings
from stacks.platform import add_platform
from stacks.removal import RemovalError


def main() -> None:
    """Synthesize the application, or exit with the errors of its configuration."""
    app = App()
    config = Path(app.node.try_get_context("config") or "platform.yaml")
    try:
        settings = load_settings(config)
    except SettingsError as error:
        sys.exit(str(error))
    env = Environment(
        account=settings.environment.account or os.environ.get("CDK_DEFAULT_ACCOUNT"),
        region=settings.environment.region or os.environ.get("CDK_DEFAULT_REGION"),
    )
    try:
        add_platform(app, settings, config=config, env=env)
    except RemovalError as error:
        sys.exit(str(error))
    app.synth()


if __name__ == "__main__":
    main()
