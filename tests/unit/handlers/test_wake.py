"""Whom a change wakes."""

from typing import Any

import pytest
from builders import SHA
from hypothesis import given
from hypothesis import strategies as st

from effort import tried
from perennial.api import API_VERSION, KINDS
from perennial.cluster.cache import Cache, Source
from perennial.cluster.queue import Key
from perennial.handlers.wake import BURST_SECONDS, concerned, delay, everything, references

FOLLOWS = {"model": {"trainingRef": {"name": "fraud"}}}
NAMES_IT = {"model": {"versionRef": {"name": "fraud-2"}}}
BARE = {"model": {"artifact": {"uri": "s3://m/", "sha256": SHA}}}


def body(kind: str, name: str, namespace: str = "team", version: int = 1, **more: Any) -> Any:
    labels = more.pop("labels", {})
    meta = {"name": name, "namespace": namespace, "uid": f"{kind}/{name}", "labels": labels}
    meta["resourceVersion"] = str(version)
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": meta, **more}


def watching(name: str) -> dict[str, Any]:
    return {"spec": {"deploymentRef": {"name": name}}}


@pytest.fixture
def cache() -> Cache:
    """A team's objects, and another team's that are called the same."""
    held = Cache([Source(API_VERSION, kind.kind()) for kind in KINDS], references)
    feedback = {"dataset": {"feedback": {"deploymentRef": {"name": "shop"}}}}
    for each in (
        body("ModelDeployment", "shop", spec=FOLLOWS),
        body("ModelDeployment", "bank", spec=FOLLOWS),
        body("ModelDeployment", "pinned", spec=NAMES_IT),
        body("ModelDeployment", "bare", spec=BARE),
        body("ModelDeployment", "shop", "other", spec=FOLLOWS),
        body("ModelVersion", "fraud-1", status={"deployments": [{"name": "shop"}]}),
        body("ModelVersion", "fraud-2", labels={"perennial.dev/training": "fraud"}),
        body("ModelVersion", "fraud-3"),
        body("DriftMonitor", "watch", **watching("shop")),
        body("DriftMonitor", "other", **watching("bare")),
        body("ModelTraining", "fraud"),
        body("ModelTraining", "pupil", spec=feedback),
    ):
        held.put(each)
    return held


def woken(cache: Cache, after: Any, before: Any = None) -> set[tuple[str, str]]:
    found = concerned(cache, before, after)
    assert {k.namespace for k in found} == {"team"}
    own = Key(after["kind"], "team", after["metadata"]["name"])
    assert own in found
    return {(k.kind, k.name) for k in found - {own}}


def test_a_training_wakes_the_deployments_that_follow_it_and_their_monitors(cache: Cache) -> None:
    assert woken(cache, body("ModelTraining", "fraud")) == {
        ("ModelDeployment", "shop"),
        ("ModelDeployment", "bank"),
        ("DriftMonitor", "watch"),  # it tells which run came of its action
    }


def test_a_deployment_wakes_its_training_its_versions_and_its_monitors(cache: Cache) -> None:
    rejected = {"rejected": [{"version": "fraud-3"}]}
    status = {"revisions": [{"version": "fraud-2"}, {}], "rollout": rejected}
    assert woken(cache, body("ModelDeployment", "shop", spec=FOLLOWS, status=status)) == {
        ("ModelTraining", "fraud"),
        ("ModelTraining", "pupil"),  # it learns from the deployment's feedback
        ("ModelVersion", "fraud-1"),  # no longer named, but its status says that it is served
        ("ModelVersion", "fraud-2"),
        ("ModelVersion", "fraud-3"),
        ("DriftMonitor", "watch"),
    }


def test_what_is_named_no_more_is_woken_too(cache: Cache) -> None:
    before = body("ModelDeployment", "bank", spec=FOLLOWS)
    after = body("ModelDeployment", "bank", spec=NAMES_IT)
    both = {("ModelTraining", "fraud"), ("ModelVersion", "fraud-2")}
    assert woken(cache, after, before) == both
    cache.put(body("ModelDeployment", "bank", version=2, spec=NAMES_IT))
    assert ("ModelDeployment", "bank") not in woken(cache, body("ModelTraining", "fraud"))


def test_a_version_wakes_its_training_and_the_deployments_that_name_it(cache: Cache) -> None:
    labels = {"perennial.dev/training": "fraud"}
    assert woken(cache, body("ModelVersion", "fraud-2", labels=labels)) == {
        ("ModelTraining", "fraud"),
        ("ModelDeployment", "pinned"),
    }


@pytest.mark.parametrize(
    ("watched", "status", "wakes"),
    [
        ("shop", {"lastAction": {"type": "Retrain"}}, {("ModelTraining", "fraud")}),
        ("shop", {}, set()),
        ("bare", {"lastAction": {"type": "Retrain"}}, set()),
        ("gone", {"lastAction": {"type": "Retrain"}}, set()),
    ],
)
def test_a_monitor_wakes_the_training_once_it_has_asked_for_something(
    cache: Cache, watched: str, status: dict[str, Any], wakes: set[tuple[str, str]]
) -> None:
    monitor = body("DriftMonitor", "watch", status=status, **watching(watched))
    assert woken(cache, monitor) == wakes


def test_children_wake_whom_their_labels_name_and_named(cache: Cache) -> None:
    labels = {"perennial.dev/training": "a", "perennial.dev/deployment": "b", "x": "c"}
    child = body("Pod", "p", labels=labels)
    both = {Key("ModelTraining", "team", "a"), Key("ModelDeployment", "team", "b")}
    assert concerned(cache, None, child) == concerned(cache, child, None) == both
    assert concerned(cache, child, body("Pod", "p")) == both
    assert concerned(cache, None, body("Pod", "p")) == set()


junk = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["model", "trainingRef", "name", "deployments", "deploymentRef"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=10,
)


@tried(200)
@given(st.sampled_from([kind.kind() for kind in KINDS]), junk, junk)
def test_nothing_that_an_object_may_hold_keeps_others_from_being_woken(
    kind: str, spec: Any, status: Any
) -> None:
    held = Cache([Source(API_VERSION, kind.kind()) for kind in KINDS], references)
    heard: list[Any] = []
    held.changed.append(lambda before, after: heard.append(concerned(held, before, after)))
    held.put(body(kind, "odd", spec=spec, status=status))
    assert Key(kind, "team", "odd") in heard[0]


def test_a_resync_finds_all_kinds_where_all_were_listed(cache: Cache) -> None:
    assert everything(cache) == []
    for source in cache.sources:
        found = cache.select(source.api_version, source.kind, "other")
        cache.replace(source, "other", found, "9")
    assert everything(cache) == [Key("ModelDeployment", "other", "shop")]


def test_what_people_change_wakes_at_once_and_what_comes_in_bursts_once_for_all() -> None:
    own, child = body("ModelDeployment", "shop"), body("Deployment", "shop-r1")
    assert delay(None, own) == delay(own, own) == delay(own, None) == 0
    assert delay(None, child) == delay(child, child) == delay(child, None) == BURST_SECONDS > 0
