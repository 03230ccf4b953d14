"""Reads ask nobody; what is a moment old costs a pass, and never capacity."""

from collections.abc import Callable
from typing import Any

import pytest
from builders import deployment
from served import Answer, Server

from perennial.api import API_VERSION, ModelDeployment, ModelVersion
from perennial.api.base import Json
from perennial.cluster.cache import Cache, Source
from perennial.cluster.cached import CachedCluster
from perennial.cluster.client import Outdated, WriteRefused
from perennial.plan.core import MANAGED_BY, Deletion

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


async def read(bench: Bench) -> Any:
    """Read what a rollout's pass reads."""
    read = await bench.cluster.read_own(ModelDeployment, "team", "flights")
    await bench.cluster.select("apps/v1", "Deployment", "team", SELECTED)
    await bench.cluster.get("v1", "Service", "team", "flights")
    return read


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
    uid = bench.server.write(own("ModelVersion", "v", {}))["metadata"]["uid"]
    bench.learn()
    bench.server.write(own("ModelVersion", "v", {"changed": True}))
    deletion = Deletion(API_VERSION, "ModelVersion", "team", "v", uid)
    with pytest.raises(Outdated):
        await bench.cluster.delete(deletion)
    assert bench.server.listed("ModelVersion")
    assert await bench.cluster.delete(deletion)
    assert not bench.server.listed("ModelVersion")
    assert await bench.cluster.read(ModelVersion, "team", "v") is None
    bench.server.write(own("ModelVersion", "v", {}))
    bench.learn()
    assert not await bench.cluster.delete(deletion) and bench.server.listed("ModelVersion")


def deleted(revision: str) -> Callable[[Bench], Any]:
    def act(bench: Bench) -> Any:
        key = ("Deployment", "team", f"flights-{revision}")
        uid = bench.server.objects[key]["metadata"]["uid"]
        return bench.cluster.delete(Deletion("apps/v1", "Deployment", "team", key[2], uid))

    return act


def applied(wanted: Json) -> Callable[[Bench], Any]:
    return lambda bench: bench.cluster.apply(wanted)


LOWERING = {
    "scaled down": (front(), applied(pods("old", 1))),
    "deleted": (front("new"), deleted("old")),
    "turned to one": (front(), applied(front("new"))),
    "turned to the other": (front("old"), applied(front("new"))),
}
"""What takes something away from the old revision: the Service before it, and the write."""


def fewer_ready(server: Server) -> None:
    server.write(pods("new", 3, ready=1))


def scaled(server: Server) -> None:
    server.write(pods("new", 1, ready=3))


def another(server: Server) -> None:
    server.remove("Deployment", "team", "flights-new")
    server.write(pods("new", 3, ready=3))


def ending(server: Server) -> None:
    body = pods("new", 3, ready=3)
    server.write({**body, "metadata": {**body["metadata"], "deletionTimestamp": "2026-01-01"}})


def lost(server: Server) -> None:
    server.remove("Deployment", "team", "flights-new")


def turned(server: Server) -> None:
    server.write(front("old"))


LOSSES = [fewer_ready, scaled, another, ending, lost, turned]


@pytest.mark.parametrize("what", LOWERING)
@pytest.mark.parametrize("loss", [None, *LOSSES])
@pytest.mark.parametrize("heard", [False, True])
async def test_nothing_is_taken_away_before_what_remains_is_known_to_stand(
    bench: Bench, what: str, loss: Callable[[Server], None] | None, heard: bool
) -> None:
    """Also where the news came after the pass had read: it has decided without them."""
    service, act = LOWERING[what]
    for body in (pods("old", 3, ready=3), pods("new", 3, ready=3), service):
        bench.server.write(body)
    bench.learn()
    await read(bench)
    if loss is not None:
        loss(bench.server)
    if heard:
        bench.learn()
    version = bench.server.version
    about_the_service = loss is turned and what in ("turned to one", "turned to the other")
    if loss is None or about_the_service:
        assert await act(bench)
        assert "flights-new" in bench.asked() and len(bench.asked()) <= 2
        return
    with pytest.raises(Outdated):
        await act(bench)
    assert bench.server.version == version, "it was written all the same"
    await read(bench)  # and the next pass sees it
    held = bench.cache.get("apps/v1", "Deployment", "team", "flights-new")
    assert [held] == [b for b in bench.server.listed("Deployment")
                      if b["metadata"]["name"] == "flights-new"] or held is None  # fmt: skip


@pytest.mark.parametrize(
    ("service", "act"),
    [
        (front("old"), applied(pods("old", 1))),  # a person wants fewer, and nothing else serves
        (front("old"), applied(pods("old", 5))),
        (front("old"), applied(pods("new", 5))),
        (front("old"), applied(front("old"))),
        (front("old"), deleted("new")),  # it carries nothing
    ],
)
async def test_what_takes_nothing_away_asks_nobody(
    bench: Bench, service: Json, act: Callable[[Bench], Any]
) -> None:
    for body in (pods("old", 3, ready=3), pods("new", 1, ready=0), service):
        bench.server.write(body)
    bench.learn()
    await read(bench)
    await act(bench)
    assert bench.asked() == []
