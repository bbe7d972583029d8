"""State of the embedded AWS's own services, saved and loaded for every account and Region."""

from __future__ import annotations

import pytest

from pythonbase_localcloud.aws import scope, seams, store


def test_what_was_saved_is_loaded_in_the_account_and_region_that_it_belongs_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_stores", {})
    monkeypatch.setattr(store, "_after_load", [])
    things = store.scoped_store("sample", "things")
    places = [("000000000000", "eu-west-1"), ("111122223333", "eu-west-1"), ("111122223333", "us-east-1")]
    for account, region in places:
        with scope.scoped(account, region):
            things["one"] = f"{account} {region}"
    saved = store.states()["localcloud-sample"]()

    monkeypatch.setattr(store, "_stores", {})
    again = store.scoped_store("sample", "things")
    monkeypatch.setattr(seams.persistence, "load_state", lambda name: saved if name == "localcloud-sample" else None)
    store.load()
    for account, region in places:
        with scope.scoped(account, region):
            assert dict(again.items()) == {"one": f"{account} {region}"}
