"""The real CDK CLI, run against an instance of the local cloud."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pythonbase_localcloud.instance import Instance
from pythonbase_localcloud.machine.commands import LocalCloudError


@dataclass(frozen=True, kw_only=True)
class Cdk:
    """Runs the CLI of this repository's lock file for one configuration, account and Region.

    ``assembly``: a synthesized application to deploy in place of this repository's.
    """

    instance: Instance
    account: str
    region: str
    config: Path
    assembly: Path | None = None

    @property
    def environment(self) -> Mapping[str, str]:
        """The caller's environment with that of the local cloud in front."""
        return {**os.environ, **self.instance.environment(account=self.account, region=self.region)}

    def bootstrap(self, *, trust: str | None = None) -> None:
        """Prepare the account for deployments, also from the account ``trust``.

        Runs outside the app's folder, because it needs no synthesis.
        """
        policies = "arn:aws:iam::aws:policy/AdministratorAccess"
        trusted = ("--trust", trust, "--cloudformation-execution-policies", policies) if trust else ()
        self._run("bootstrap", f"aws://{self.account}/{self.region}", *trusted, cwd=self.instance.home)

    def deploy(self, *stacks: str, revert_drift: bool = False) -> None:
        """Deploy the stacks and what they depend on. Default: all."""
        self._run(
            *(
                "deploy",
                *(stacks or ("--all",)),
                "--require-approval",
                "never",
                "--concurrency",
                "4",
                "--progress",
                "events",
                *(("--revert-drift",) if revert_drift else ()),
            ),
            *self._app(),
            cwd=self.instance.root,
        )

    def diff(self) -> str:
        """What the CLI says that a deployment of all stacks would change."""
        command = [self._program, "diff", "--all", *self._app()]
        done = subprocess.run(  # noqa: S603 - as below
            command, cwd=self.instance.root, env=self.environment, capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr

    def _app(self) -> tuple[str, ...]:
        if self.assembly:
            return ("--app", str(self.assembly))
        return ("--context", f"config={self.config}", "--output", str(self.instance.home / "cdk.out"))

    @property
    def _program(self) -> str:
        return str(self.instance.root / "node_modules" / ".bin" / "cdk")

    def _run(self, *arguments: str, cwd: Path) -> None:
        """Run the CLI with its output on standard error, where progress goes.

        Raises:
            LocalCloudError: if it fails; its own output, which is shown, has the reason.
        """
        command = [self._program, *arguments]
        # The arguments are this module's; nothing passes a shell.
        done = subprocess.run(command, cwd=cwd, env=self.environment, stdout=2, check=False)  # noqa: S603
        if done.returncode:
            raise LocalCloudError(f"cdk {arguments[0]} ended with exit code {done.returncode}; its output is above")
