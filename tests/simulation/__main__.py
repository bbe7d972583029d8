"""Prints the table of docs/releases.md: ``make load``."""

from __future__ import annotations

from tests.simulation.crowd import describe, release_at_once
from tests.simulation.test_releases_at_once import definition

if __name__ == "__main__":
    for releases in (50, 120, 200, 500):
        print(describe(release_at_once(definition, releases)), flush=True)
