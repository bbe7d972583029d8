"""Entry point: ``python -m pythonbase_localcloud.aws``."""

import os

from .settings import Settings


def main() -> None:
    """Prepare the environment that MiniStack reads while it is imported, then serve."""
    settings = Settings.from_environment(os.environ)
    settings.prepare()
    os.environ.update(settings.ministack_environment())
    # The secret of the root credentials (their access key id is the account's 12 digits).
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "local")
    # A root key or token of the caller's shell must not become this server's.
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        os.environ.pop(name, None)
    # Imported late on purpose: MiniStack fixes AUTH, directories and ports when it is imported.
    from .server import run  # noqa: PLC0415

    run(settings)


if __name__ == "__main__":
    main()
