"""Whether an object is as wanted already: what decides about every write."""

import copy
import json
from typing import Any

import pytest
from builders import deployment, run, run_children, served, training
from hypothesis import given
from hypothesis import strategies as st

from perennial.cluster.client import contains
from perennial.plan.serving.service import service

SCALARS = st.one_of(st.booleans(), st.integers(-9, 9), st.text(max_size=3), st.none())
OBJECTS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=3), OBJECTS, max_size=4))
def test_everything_contains_itself(body: dict[str, Any]) -> None:
    assert contains(copy.deepcopy(body), body)


@given(st.dictionaries(st.text(max_size=3), OBJECTS, max_size=4), OBJECTS)
def test_the_servers_additions_make_no_difference(body: dict[str, Any], more: Any) -> None:
    assert contains({**body, "added by the server": more}, body)


SAME: list[tuple[Any, Any]] = [
    ({}, {"a": ""}),
    ({}, {"a": None}),
    ({}, {"a": []}),
    ({}, {"a": {}}),
    ({}, {"a": False}),
    ({"a": [{"b": 1, "c": 2}]}, {"a": [{"b": 1}]}),
    ({"requests": {"cpu": "1"}}, {"requests": {"cpu": 1}}),
    ({"requests": {"cpu": "1"}}, {"requests": {"cpu": "1000m"}}),
    ({"limits": {"memory": "1Gi"}}, {"limits": {"memory": "1024Mi"}}),
    ({"limits": {"cpu": "500m", "x/gpu": "2"}}, {"limits": {"cpu": 0.5}}),
]
OTHER: list[tuple[Any, Any]] = [
    ({"a": 1}, {"a": 2}),
    ({}, {"a": 1}),
    ({"a": "1"}, {"a": 1}),
    ({"a": [1, 2]}, {"a": [1]}),
    ({"a": [1]}, {"a": [1, 2]}),
    ({"a": [1]}, {"a": []}),
    ({"a": [2, 1]}, {"a": [1, 2]}),
    ({"a": "text"}, {"a": {"b": 1}}),
    ({"a": True}, {"a": False}),
    ({"selector": {"a": "1", "b": "2"}}, {"selector": {"a": "1"}}),
    ({"data": {"a": "1", "b": "2"}}, {"data": {"a": "1"}}),
    ({"requests": {"cpu": "1"}}, {"requests": {"cpu": "1001m"}}),
    ({"requests": {"cpu": "1"}}, {"requests": {"memory": "1"}}),
    ({"env": {"cpu": "1"}}, {"env": {"cpu": "1000m"}}),
    ({"requests": {"cpu": "1"}}, {"requests": {"cpu": "much"}}),
]


@pytest.mark.parametrize(("present", "wanted"), SAME)
def test_what_needs_no_write(present: Any, wanted: Any) -> None:
    assert contains(present, wanted)


@pytest.mark.parametrize(("present", "wanted"), OTHER)
def test_what_needs_a_write(present: Any, wanted: Any) -> None:
    assert not contains(present, wanted)


def made() -> list[dict[str, Any]]:
    md = deployment()
    live = served(md)
    return [
        live,
        service(md, None),
        service(md, "r1"),
        *run_children(training(), run(), None),
    ]


@pytest.mark.parametrize("wanted", made(), ids=lambda w: w["kind"])
def test_a_hand_on_any_field_of_a_child_is_seen(wanted: dict[str, Any]) -> None:
    present = json.loads(json.dumps(wanted))
    assert contains(present, wanted)

    def spots(node: Any) -> list[tuple[Any, Any]]:
        keys = node if isinstance(node, dict) else range(len(node))
        found = []
        for key in keys:
            inner = isinstance(node[key], dict | list)
            found += spots(node[key]) if inner else [(node, key)]
        return found

    for place, key in spots(present):
        kept, place[key] = place[key], "changed by hand"
        assert not contains(present, wanted), f"{key} was {kept}"
        place[key] = kept
