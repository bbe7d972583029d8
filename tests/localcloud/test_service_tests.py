"""A service's own tests: before its image is pushed, in that image, and reported in CodeBuild."""

from __future__ import annotations

import pytest

from tests.localcloud.monorepo import CHECKS, FOLDER, RELEASE, Monorepo

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("monorepo", order=7)]


def test_a_release_ran_its_tests_in_the_image_and_reported_them(monorepo: Monorepo) -> None:
    (first,) = [item for item in monorepo.executions(RELEASE) if item["trigger"]["triggerType"] == "WebhookV2"][-1:]
    build = monorepo.build(RELEASE, first)
    assert monorepo.report(build)["status"] == "SUCCEEDED"
    # The checks themselves look for a network, for credentials and for the engine.
    assert monorepo.cases(build) == {
        "reaches_no_network": "SUCCEEDED",
        "has_no_credentials": "SUCCEEDED",
        "greets": "SUCCEEDED",
    }
    assert "3 checks, 0 failed" in monorepo.log(build)
    assert first["sourceRevisions"][0]["revisionId"] in monorepo.pushed_images()


def test_when_tests_fail_nothing_is_pushed_and_the_report_says_which(monorepo: Monorepo) -> None:
    before = monorepo.pushed_images()
    commit = monorepo.commit({f"{FOLDER}/checks.py": CHECKS.replace('GREETING = "hello"', 'GREETING = "bye"')})
    monorepo.push("main")
    execution = monorepo.ended(RELEASE, commit)
    assert execution["status"] == "Failed"
    build = monorepo.build(RELEASE, execution)
    assert "error: the tests ended with status 1: python checks.py" in monorepo.log(build)
    assert monorepo.report(build)["status"] == "FAILED"
    assert monorepo.cases(build) == {
        "reaches_no_network": "SUCCEEDED",
        "has_no_credentials": "SUCCEEDED",
        "greets": "FAILED",
    }
    assert monorepo.pushed_images() == before

    repaired = monorepo.commit({f"{FOLDER}/checks.py": CHECKS + "# repaired\n"})
    monorepo.push("main")
    assert monorepo.ended(RELEASE, repaired)["status"] == "Succeeded"
    assert monorepo.pushed_images() == {*before, repaired}


def test_a_commit_outside_the_folder_starts_nothing_and_a_tag_of_it_does(monorepo: Monorepo) -> None:
    outside = monorepo.commit({"services/payments/app.py": "1\n"})
    monorepo.git("tag", "orders-v1")
    monorepo.push("main")
    assert monorepo.about(RELEASE, outside) == []
    monorepo.push("orders-v1")
    assert monorepo.ended(RELEASE, outside)["status"] == "Succeeded"
    assert outside in monorepo.pushed_images()
