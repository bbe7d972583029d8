"""Tests of the application; the pipeline runs them in the image when platform.yaml says `test`."""

import hello


def test_the_greeting_is_text() -> None:
    answer = hello.app.test_client().get("/")
    assert answer.mimetype == "text/plain"
    assert answer.text == f"{hello.GREETING}\n"


def test_it_says_that_it_is_well() -> None:
    if hello.HEALTH_CHECK_PATH == "/":
        return
    answer = hello.app.test_client().get(hello.HEALTH_CHECK_PATH)
    assert answer.get_json()["status"] == "ok"
