"""Reads ask nobody; what is a moment old costs a pass, and never capacity."""

from collections.abc import Callable
from typing import Any

import pytest
from builders import NOW, SETTINGS, deployment
from served import Answer, Server

from perennial.api import API_VERSION, ModelDeployment, ModelVersion
from perennial.api.values import Json
from perennial.cluster.cache import Cache, Source
from perennial.cluster.cached import CachedCluster
from perennial.cluster.client import Outdated, WriteRefused
from perennial.plan.core import MANAGED_BY, Deletion
from perennial.plan.rollout.premises import KeepsCapacity, as_seen
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.traffic import replicas

SOURCES = (
    Source(API_VERSION, "ModelDeployment"),
    Source(API_VERSION, "ModelVersion"),
    Source("apps/v1", "Deployment", "app.kubernetes.io/managed-by=perennial"),
    Source("v1", "Service", "app.kubernetes.io/managed-by=perennial"),
)
OWNER = {"ownerReferences": [{"uid": "owner", "controller": True}]}
SELECTED = "perennial.dev/deployment=flights"


class Bench:
    """A server, and a cache that knows what ``learn`` last told it."""

    def __init__(self) -> None:
        self.server = Server()
        self.cache = Cache(SOURCES)
        self.cluster = CachedCluster(self.server, self.cache)  # type: ignore[arg-type]

    def learn(self) -> None:
        for source in self.cache.sources:
            found = self.server.listed(source.kind, "", source.selector)
            self.cache.replace(source, "", found, str(self.server.version))
        self.server.asked.clear()

    def asked(self, verb: str = "GET") -> list[str]:
        return [path.rpartition("/")[2] for asked, path in self.server.asked if asked == verb]


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    made.server.write(own("ModelDeployment", "flights", deployment().spec.to_json()))
    made.learn()
    return made


def own(kind: str, name: str, spec: Json) -> Json:
    meta = {"name": name, "namespace": "team", "generation": 1}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": meta, "spec": spec}


def labels(revision: str = "") -> dict[str, str]:
    found = {**MANAGED_BY, "perennial.dev/deployment": "flights"}
    return {**found, "perennial.dev/revision": revision} if revision else found


def pods(revision: str, asked: int, ready: int | None = None) -> Json:
    """Return a Deployment as it is wanted; with ``ready`` as it is, too."""
    meta = {"name": f"flights-{revision}", "namespace": "team", "labels": labels(revision)}
    template = {"metadata": {"labels": labels(revision)}}
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {**meta, **OWNER},
        "spec": {"replicas": asked, "template": template},
    }
    status = {"readyReplicas": ready, "updatedReplicas": ready}
    return body if ready is None else {**body, "status": status}


def front(revision: str = "") -> Json:
    meta = {"name": "flights", "namespace": "team", "labels": labels()}
    spec = {"selector": labels(revision)}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {**meta, **OWNER}, "spec": spec}


async def test_reads_ask_nobody_but_for_a_name_that_somebody_else_may_have(bench: Bench) -> None:
    bench.server.write(pods("r1", 2))
    bench.learn()
    cluster = bench.cluster
    found = await cluster.get("apps/v1", "Deployment", "team", "flights-r1")
    assert found is not None and found["spec"]["replicas"] == 2
    (same,) = await cluster.select("apps/v1", "Deployment", "team", SELECTED)
    assert same is found
    one = await cluster.read(ModelDeployment, "team", "flights")
    assert one is (await cluster.read_all(ModelDeployment, "team"))[0]  # parsed once
    assert await cluster.read(ModelVersion, "team", "none") is None
    assert bench.server.asked == []
    foreign = {**front(), "metadata": {"name": "flights", "namespace": "team"}}
    bench.server.write(foreign)
    seen = await cluster.get("v1", "Service", "team", "flights")
    assert seen is not None and seen["spec"] == foreign["spec"]
    assert (
        bench.asked() == ["flights"] and bench.cache.get("v1", "Service", "team", "flights") is None
    )
    bench.server.write({"apiVersion": "v1", "kind": "Secret", "metadata": {**foreign["metadata"]}})
    assert await cluster.get("v1", "Secret", "team", "flights") is not None


async def test_what_we_wrote_is_known_before_anybody_tells(bench: Bench) -> None:
    assert await bench.cluster.apply(pods("r1", 2)) and bench.asked() == ["flights-r1"]
    bench.server.asked.clear()
    assert not await bench.cluster.apply(pods("r1", 2))
    assert await bench.cluster.apply(pods("r1", 3)) and bench.asked() == []
    flights = await bench.cluster.read_own(ModelDeployment, "team", "flights")
    status = flights.status.model_copy(update={"replicas": 3})
    assert await bench.cluster.write_status(flights, status)
    again = await bench.cluster.read_own(ModelDeployment, "team", "flights")
    assert again.status.replicas == 3 and not await bench.cluster.write_status(again, status)
    assert bench.asked() == []


async def test_what_is_somebody_elses_is_not_taken_over(bench: Bench) -> None:
    for theirs in (pods("r1", 9), front()):
        made = bench.server.write({**theirs, "metadata": {**theirs["metadata"], "labels": {},
                                                          "ownerReferences": []}})  # fmt: skip
        version = made["metadata"]["resourceVersion"]
        for write in (bench.cluster.apply, bench.cluster.create):
            with pytest.raises(WriteRefused, match="not ours"):
                await write(theirs)
        (kept,) = bench.server.listed(theirs["kind"])
        assert kept["metadata"]["resourceVersion"] == version


async def test_a_label_that_a_hand_took_away_is_put_back(bench: Bench) -> None:
    bench.server.write({**pods("r1", 2), "metadata": {**pods("r1", 2)["metadata"], "labels": {}}})
    bench.learn()
    assert await bench.cluster.apply(pods("r1", 2))
    assert await bench.cluster.select("apps/v1", "Deployment", "team", SELECTED) != []


@pytest.mark.parametrize("anew", [True, False])
async def test_what_was_deleted_meanwhile_is_not_written_over(bench: Bench, anew: bool) -> None:
    bench.server.write(pods("r1", 2))
    bench.learn()
    bench.server.remove("Deployment", "team", "flights-r1")
    theirs = bench.server.write(pods("r1", 9)) if anew else None
    with pytest.raises(Outdated):
        await bench.cluster.apply(pods("r1", 3))
    held = bench.cache.get("apps/v1", "Deployment", "team", "flights-r1")
    assert held == theirs  # so that the next pass decides about what is
    assert bench.server.listed("Deployment") == ([theirs] if theirs else [])


async def test_a_refusal_that_is_about_nothing_stale_is_told(bench: Bench) -> None:
    bench.server.write(pods("r1", 2))
    bench.learn()

    def refuse(*_: Any) -> Any:
        return Answer(409, {"message": "object is being deleted"})

    bench.server._patch = refuse  # type: ignore[method-assign]
    with pytest.raises(WriteRefused, match="being deleted"):
        await bench.cluster.apply(pods("r1", 3))


@pytest.mark.parametrize("gone", [True, False])
async def test_a_status_of_what_has_changed_since_is_decided_anew(bench: Bench, gone: bool) -> None:
    old = await bench.cluster.read_own(ModelDeployment, "team", "flights")
    if gone:
        bench.server.remove("ModelDeployment", "team", "flights")
    else:
        spec = {**deployment().spec.to_json(), "replicas": 7}
        bench.server.write(own("ModelDeployment", "flights", spec))
    with pytest.raises(Outdated):
        await bench.cluster.write_status(old, old.status.model_copy(update={"replicas": 1}))
    new = await bench.cluster.read_own(ModelDeployment, "team", "flights")
    assert new is None if gone else new.spec.replicas == 7


async def test_what_is_deleted_is_what_was_read(bench: Bench) -> None:
    meta = bench.server.write(own("ModelVersion", "v", {}))["metadata"]
    bench.learn()
    bench.server.write(own("ModelVersion", "v", {"changed": True}))
    at = (API_VERSION, "ModelVersion", "team", "v")
    with pytest.raises(Outdated):
        await bench.cluster.delete(Deletion(*at, meta["uid"], meta["resourceVersion"]))
    held = bench.cache.get(*at)
    assert held is not None and bench.server.listed("ModelVersion") == [held]
    assert await bench.cluster.delete(Deletion(*at, meta["uid"], str(held.version)))
    assert not bench.server.listed("ModelVersion")
    assert not await bench.cluster.delete(Deletion(*at, meta["uid"], str(held.version)))
    assert bench.cache.get(*at) is None  # gone, though no watch has told


def fewer_ready(server: Server) -> None:
    server.write(pods("new", 3, ready=1))


def scaled(server: Server) -> None:
    server.write(pods("new", 1, ready=3))


def another(server: Server) -> None:
    server.remove("Deployment", "team", "flights-new")
    server.write(pods("new", 3, ready=0))


def lost(server: Server) -> None:
    server.remove("Deployment", "team", "flights-new")


def turned(server: Server) -> None:
    server.write(front("old"))


def edited(server: Server) -> None:
    server.write(flights(replicas=9))


def itself(server: Server) -> None:
    server.write(pods("old", 4, ready=4))


LOSSES = [fewer_ready, scaled, another, lost, turned, edited, itself]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("deletes", [False, True])
async def test_what_lowers_capacity_is_done_by_the_api_servers_own_word(
    bench: Bench, loss: Callable[[Server], None], deletes: bool
) -> None:
    for body in (flights(replicas=3), pods("old", 3, ready=3), pods("new", 3, ready=3), front()):
        bench.server.write(body)
    bench.learn()
    s = decided(bench)
    loss(bench.server)
    version = bench.server.version
    with pytest.raises(Outdated):
        await lower(bench, s, deletes)
    assert bench.server.version == version, "it was written all the same"
    with pytest.raises(Outdated):
        await lower(bench, s, deletes)  # what was decided stays wrong
    if loss is itself:
        await bench.cluster.fresh("apps/v1", "Deployment", "team", "flights-old")
    for source in bench.cache.sources:  # and the next decision is made by what is
        live = bench.server.listed(source.kind, "", source.selector)
        assert bench.cache.select(source.api_version, source.kind) == live


async def test_what_was_not_there_when_it_was_decided_is_not_lowered(bench: Bench) -> None:
    bench.server.write(flights(replicas=3))
    bench.learn()
    s = decided(bench)
    theirs = bench.server.write(pods("old", 3, ready=3))
    bench.learn()
    with pytest.raises(Outdated):
        await bench.cluster.apply(as_seen(s, pods("old", 1)), KeepsCapacity(s, replicas))
    assert bench.server.listed("Deployment") == [theirs]


@pytest.mark.parametrize("deletes", [False, True])
async def test_what_nobody_needs_goes_whatever_else_has_changed(
    bench: Bench, deletes: bool
) -> None:
    for body in (flights(replicas=3), pods("old", 3, ready=3), pods("new", 3, ready=3), front()):
        bench.server.write(body)
    bench.learn()
    s = decided(bench)
    bench.server.write(pods("new", 5, ready=4))
    assert await lower(bench, s, deletes)
    left = {b["metadata"]["name"]: b["spec"]["replicas"] for b in bench.server.listed("Deployment")}
    assert left == ({"flights-new": 5} if deletes else {"flights-new": 5, "flights-old": 1})


def flights(replicas: int) -> Json:
    return own("ModelDeployment", "flights", deployment({"replicas": replicas}).spec.to_json())


def decided(bench: Bench) -> DeploymentSnapshot:
    """Return what a decision is made by, as the cache holds it."""
    owner = bench.cache.get(API_VERSION, "ModelDeployment", "team", "flights")
    assert owner is not None
    return DeploymentSnapshot(
        deployment=ModelDeployment.read(owner),
        now=NOW,
        settings=SETTINGS,
        workloads=tuple(bench.cache.select("apps/v1", "Deployment", "team", SELECTED)),
        service=bench.cache.get("v1", "Service", "team", "flights"),
    )


async def lower(bench: Bench, s: DeploymentSnapshot, deletes: bool) -> bool:
    """Take pods of the old revision away, as was decided."""
    premise, live = KeepsCapacity(s, replicas), s.workload("old")
    assert live is not None
    if not deletes:
        return await bench.cluster.apply(as_seen(s, pods("old", 1)), premise)
    seen = (live["metadata"]["uid"], live["metadata"]["resourceVersion"])
    gone = Deletion("apps/v1", "Deployment", "team", "flights-old", *seen)
    return await bench.cluster.delete(gone, premise)


async def test_what_takes_nothing_away_asks_nobody(bench: Bench) -> None:
    for body in (pods("old", 3, ready=3), pods("new", 3, ready=3), front("old")):
        bench.server.write(body)
    bench.learn()
    s = decided(bench)
    premise = KeepsCapacity(s, replicas)
    assert not await bench.cluster.apply(as_seen(s, front("old")), premise)
    assert await bench.cluster.apply(as_seen(s, pods("old", 5)), premise)
    assert bench.asked() == []


async def test_what_is_known_is_written_as_the_version_that_was_seen(bench: Bench) -> None:
    bench.server.write(pods("old", 3, ready=3))
    bench.learn()
    s = decided(bench)
    theirs = bench.server.write(pods("old", 9, ready=3))
    for _ in range(2):  # the first time the API server says so, then the cache knows
        with pytest.raises(Outdated):
            await bench.cluster.apply(as_seen(s, pods("old", 5)), KeepsCapacity(s, replicas))
    assert bench.server.listed("Deployment") == [theirs]
    assert bench.asked("PATCH") == ["flights-old"]


async def test_what_was_deleted_is_gone_before_anybody_tells_unless_something_keeps_it(
    bench: Bench,
) -> None:
    for kept in (False, True):
        made = bench.server.write(pods("old", 0, ready=0))
        bench.learn()
        meta = made["metadata"]
        bench.server.keeps = kept
        gone = Deletion("apps/v1", "Deployment", "team", "flights-old", meta["uid"])
        assert await bench.cluster.delete(gone)
        held = bench.cache.get("apps/v1", "Deployment", "team", "flights-old")
        assert (held is not None) == kept
