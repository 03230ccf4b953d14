"""Which writes take capacity away, and when they may."""

from collections.abc import Mapping
from typing import Any

import pytest
from builders import NOW, SETTINGS, SHA, deployment

from perennial.api.values import Json
from perennial.plan.core import lowers
from perennial.plan.core.premise import Name, name_of
from perennial.plan.rollout.premises import KeepsCapacity, as_seen
from perennial.plan.rollout.snapshot import REVISION_LABEL, DeploymentSnapshot
from perennial.plan.rollout.traffic import replicas

ASKED = 4
OWNER = ("perennial.dev/v1alpha1", "ModelDeployment", "team", "flights")


def pods(revision: str, asked: int = ASKED, ready: int = ASKED, version: str = "7") -> Json:
    meta = {"name": f"flights-{revision}", "namespace": "team", "uid": revision}
    meta |= {"labels": {REVISION_LABEL: revision}, "resourceVersion": version}  # type: ignore[dict-item]
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta,
            "spec": {"replicas": asked}, "status": {"readyReplicas": ready}}  # fmt: skip


def front(revision: str = "") -> Json:
    meta = {"name": "flights", "namespace": "team", "uid": "s", "resourceVersion": "7"}
    selector = {REVISION_LABEL: revision} if revision else {}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"selector": selector}}


def seen(*bodies: Json, service: Json | None = None) -> DeploymentSnapshot:
    stable = {"role": "Stable", "revision": "old", "artifact": {"uri": "s3://m/", "sha256": SHA}}
    owner = deployment({"replicas": ASKED}, status={"revisions": [stable]})
    meta = owner.metadata.model_copy(update={"resource_version": "7"})
    owner = owner.model_copy(update={"metadata": meta})
    return DeploymentSnapshot(
        deployment=owner, now=NOW, settings=SETTINGS, workloads=bodies, service=service
    )


def now(*bodies: Json, version: str = "7", uid: str = "uid-flights") -> Mapping[Name, Json | None]:
    """Return what the API server says: these, and the ModelDeployment."""
    owner = {"metadata": {"uid": uid, "resourceVersion": version}}
    return {OWNER: owner, **{name_of(body): body for body in bodies}}


def allows(present: Mapping[Name, Json | None], then: Json, given: int = 0) -> bool:
    """Tell whether a write is done that was decided while both revisions had all pods."""
    s = seen(pods("old"), pods("new"), service=front())
    return KeepsCapacity(s, replicas, given).allows(present, name_of(then), then)


def test_it_is_about_all_that_was_seen() -> None:
    premise = KeepsCapacity(seen(pods("old"), pods("new"), service=front()), replicas)
    assert {name[3] for name in premise.names} == {"flights", "flights-old", "flights-new"}
    assert {name[1] for name in premise.names} == {"ModelDeployment", "Service", "Deployment"}


@pytest.mark.parametrize(
    ("other", "done"),
    [
        (pods("new"), True),
        (pods("new", asked=9, ready=9), True),
        (pods("new", ready=3), False),
        (pods("new", asked=3), False),  # ready yet, but about to end
        (pods("new", version="8"), True),  # it has changed, and carries as much
        ({**pods("new"), "status": {}}, False),
    ],
)
def test_pods_are_taken_away_only_while_others_carry_the_requests(other: Json, done: bool) -> None:
    assert allows(now(pods("old"), other, front()), pods("old", asked=0)) == done
    present = now(pods("old"), other, front("old"))
    assert allows(present, front("new")) == done


def test_pods_that_requests_do_not_reach_may_always_go() -> None:
    assert allows(now(pods("old"), pods("new", ready=0), front("new")), pods("old", asked=0))
    present = now(pods("old"), pods("new"), front("new"))
    premise = KeepsCapacity(seen(pods("old"), pods("new"), service=front()), replicas)
    assert premise.allows(present, name_of(pods("old")), None)
    assert not premise.allows(present, name_of(pods("new")), None)


def test_more_pods_than_were_seen_are_not_taken_away_either() -> None:
    """Decided while there were two ready of four: they would be three."""
    s = seen(pods("old", ready=1), pods("new", ready=1), service=front())
    present = now(pods("old", ready=3), pods("new", ready=1), front())
    premise = KeepsCapacity(s, replicas)
    assert not premise.allows(present, name_of(pods("old")), pods("old", asked=1))
    assert premise.allows(present, name_of(pods("old")), pods("old", asked=3))


@pytest.mark.parametrize("more", [{"version": "8"}, {"uid": "another"}])
def test_an_owner_that_has_changed_may_want_something_else(more: dict[str, Any]) -> None:
    present = now(pods("old"), pods("new"), front(), **more)
    assert not allows(present, pods("old", asked=0))
    assert not allows({**present, OWNER: None}, pods("old", asked=0))


def test_what_is_gone_carries_nothing() -> None:
    present = {**now(pods("old"), front()), name_of(pods("new")): None}
    assert not allows(present, pods("old", asked=0))
    assert allows(present, pods("old", asked=4))


def test_whom_a_service_opens_to_has_a_pod_ready_unless_it_is_stable() -> None:
    coming = pods("new", asked=1, ready=0)
    assert not allows(now(pods("old"), coming, front("old")), front())
    assert allows(now(pods("old"), pods("new", asked=1, ready=1), front("old")), front())
    assert allows(now(pods("old", asked=1, ready=0), pods("new"), front("new")), front())


def test_where_nothing_answers_nothing_is_lost() -> None:
    present = now(pods("old", ready=0), pods("new", ready=0), front("old"))
    assert allows(present, front("new")) and allows(present, pods("old", asked=0))


def test_a_pod_that_is_given_up_on_purpose_may_go_and_no_second_one() -> None:
    present = now(pods("old"), pods("new", ready=1), front())
    assert allows(present, pods("old", asked=3))
    assert not allows(present, pods("old", asked=2))
    assert allows(present, pods("old", asked=2), given=1)
    assert not allows(present, pods("old", asked=1), given=1)


def test_which_writes_take_capacity_away() -> None:
    assert lowers(pods("r", 3), pods("r", 2)) and not lowers(pods("r", 3), pods("r", 3))
    assert not lowers(pods("r", 3), pods("r", 4))
    assert lowers(front(), front("r")) and lowers(front("r"), front())
    assert not lowers(front(), front()) and not lowers({}, {"kind": "ConfigMap", "data": {}})


def test_what_was_seen_is_written_as_that_very_one() -> None:
    s = seen(pods("old"), service=front())
    for body in (pods("old"), front()):
        own = {key: body["metadata"].get(key) for key in ("name", "labels")}
        wanted = {**body, "metadata": own}
        found = as_seen(s, wanted)["metadata"]
        assert (found["uid"], found["resourceVersion"]) == (body["metadata"]["uid"], "7")
    new = {**pods("new"), "metadata": {"name": "new", "labels": {REVISION_LABEL: "new"}}}
    assert as_seen(s, new) == new
