"""Settings made at random: whatever stands in the file, the answer is settings or one line for each mistake."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from aws_cdk import App, Environment
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from pythonbase_settings import Settings, SettingsError, load_settings
from stacks.platform import add_platform
from tests.unit.synthesis import ACCOUNT, CONTEXT, REGION

LINE = re.compile(r"platform\.yaml(:[0-9]+)?: .*got .*; .+")
BOUNDED = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
"""The same examples in every run: a test that fails for one change must not pass for the next."""

# -- values that are nearly right --------------------------------------------------------------------------------------

_ARNS = ["arn:aws:sns:eu-central-1:111122223333:x", "arn:aws-cn:codeconnections:cn-north-1:111122223333:connection/1"]
_WORDS = st.sampled_from(
    [
        *(
            "",
            "orders",
            "build",
            "source",
            "tree",
            "network",
            "state",
            "prod",
            "approve-prod",
            "pythonbase",
            "main",
            "v*",
        ),
        *("eu-central-1", "us-west-1", "cn-north-1", "ap-east-1", "eu-central-1a", "111122223333", "public", "none"),
        *("acme/orders", "services/orders/**", "../x", "/", "{", "rate(1 day)", "python:3.13", "shop", "ORDERS", "ü"),
        *_ARNS,
    ]
)
_SCALARS = st.one_of(
    _WORDS,
    st.text(alphabet=string.printable, max_size=12),
    st.integers(-5, 100_000),
    st.booleans(),
    st.none(),
    st.sampled_from([0.5, -1.5, 1e30]),
)
_ANYTHING = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=3),
    max_leaves=6,
)


def _model_of(annotation: Any) -> type[BaseModel] | None:
    """The model that a field holds, alone or in a list."""
    for part in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part
    return None


def _settings(model: type[BaseModel]) -> st.SearchStrategy[dict[str, Any]]:
    """Some of the model's keys, each with something of the right shape or anything at all."""
    fields: dict[str, st.SearchStrategy[Any]] = {}
    for name, field in model.model_fields.items():
        nested = _model_of(field.annotation)
        shape: st.SearchStrategy[Any] = _SCALARS
        if nested:
            one = _settings(nested)
            shape = st.lists(one, max_size=3) if str(field.annotation).startswith("list") else one
        example = st.sampled_from(field.examples) if field.examples else _SCALARS
        fields[name] = st.one_of(example, shape, _ANYTHING)
    required = {name: fields.pop(name) for name, field in model.model_fields.items() if field.is_required()}
    return st.fixed_dictionaries(required, optional=fields)


def _load(folder: Path, document: Mapping[str, Any]) -> Settings | None:
    (folder / "platform.yaml").write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    try:
        return load_settings(folder / "platform.yaml")
    except SettingsError as error:
        for line in str(error).splitlines():
            assert LINE.fullmatch(line), line
        return None


@BOUNDED
@given(document=_settings(Settings))
def test_any_settings_are_read_or_explained(folder: Path, document: dict[str, Any]) -> None:
    _load(folder, document)


# -- names that could meet ---------------------------------------------------------------------------------------------

_NAME = st.sampled_from(
    [
        *("orders", "orders-us", "orders-state", "tree", "network", "us-network", "bitbucket", "build-status", "us"),
        *("artifacts-us-east-1", "orders-pull-requests", "pythonbase", "pythonbase-state", "build"),
    ]
)
_ENVIRONMENT = st.fixed_dictionaries(
    {"name": st.sampled_from(["us", "prod", "approve-prod", "build", "source", "pipeline", "state", "deploy", "u-s"])},
    optional={"approval": st.booleans()},
)
_SERVICE = st.fixed_dictionaries(
    {"name": _NAME, "repository": st.just("acme/orders")},
    optional={
        "environments": st.lists(_ENVIRONMENT, max_size=3),
        "pull_requests": st.booleans(),
        "load_balancer": st.sampled_from(["public", "internal", "none"]),
    },
)
_PLATFORM = st.fixed_dictionaries(
    {
        "environment": st.just({"account": ACCOUNT, "region": REGION}),
        "services": st.lists(_SERVICE, min_size=1, max_size=3),
    },
    optional={
        "prefix": st.sampled_from(["shop", "us"]),
        "environments": st.just([{"name": "us", "region": "us-east-1", "network": {"nat_gateways": 1}}]),
        "bitbucket": st.just({"status_credentials": "bitbucket/statuses"}),
    },
)


@settings(BOUNDED, max_examples=25)
@given(document=_PLATFORM)
def test_names_that_are_accepted_meet_nowhere(folder: Path, document: dict[str, Any]) -> None:
    found = _load(folder, document)
    if found:
        env = Environment(account=ACCOUNT, region=REGION)
        # The constructs of two things with one name would refuse each other here.
        add_platform(App(context=CONTEXT), found, config=(folder / "platform.yaml").absolute(), env=env)
