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
from perennial.plan.premise import Premise

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
    server.write(pods("new", 3, ready=3))


def lost(server: Server) -> None:
    server.remove("Deployment", "team", "flights-new")


def turned(server: Server) -> None:
    server.write(front("old"))


def edited(server: Server) -> None:
    server.write(own("ModelDeployment", "flights", {**deployment().spec.to_json(), "replicas": 9}))


@pytest.mark.parametrize("loss", [fewer_ready, scaled, another, lost, turned, edited])
@pytest.mark.parametrize("deletes", [False, True])
async def test_premises_are_asked_of_the_api_server_and_known_from_then_on(
    bench: Bench, loss: Callable[[Server], None], deletes: bool
) -> None:
    for body in (pods("old", 3, ready=3), pods("new", 3, ready=3), front()):
        bench.server.write(body)
    bench.learn()
    premises = leaning(bench)
    loss(bench.server)
    version = bench.server.version
    old = bench.server.objects["Deployment", "team", "flights-old"]["metadata"]
    gone = Deletion("apps/v1", "Deployment", "team", "flights-old", old["uid"])
    with pytest.raises(Outdated):
        if deletes:
            await bench.cluster.delete(gone, premises)
        else:
            await bench.cluster.apply(pods("old", 1), premises)
    assert bench.server.version == version, "it was written all the same"
    believed = leaning(bench)
    with pytest.raises(Outdated):
        await bench.cluster.apply(pods("old", 1), premises)  # what was decided stays wrong
    assert believed != premises  # but the next decision is made by what is
    await bench.cluster.apply(pods("old", 1), believed)
    assert bench.server.objects["Deployment", "team", "flights-old"]["spec"]["replicas"] == 1


def leaning(bench: Bench) -> list[Premise]:
    """Return the premises of a decision by what the cache holds."""
    found = []
    at = (API_VERSION, "ModelDeployment", "team", "flights")
    if (md := bench.cache.get(*at)) is not None:
        meta = md["metadata"]
        found.append(Premise(*at, meta["uid"], version=meta["resourceVersion"]))
    at = ("v1", "Service", "team", "flights")
    if (service := bench.cache.get(*at)) is not None:
        uid, selector = service["metadata"]["uid"], service["spec"]["selector"]
        found.append(Premise(*at, uid, selector=selector))
    at = ("apps/v1", "Deployment", "team", "flights-new")
    if (new := bench.cache.get(*at)) is not None:
        ready = min(new["spec"]["replicas"], new["status"]["readyReplicas"])
        found.append(Premise(*at, new["metadata"]["uid"], pods=ready))
    return found


async def test_what_takes_nothing_away_asks_nobody(bench: Bench) -> None:
    for body in (pods("old", 3, ready=3), pods("new", 3, ready=3), front("old")):
        bench.server.write(body)
    bench.learn()
    premises = leaning(bench)
    assert not await bench.cluster.apply(front("old"), premises)
    assert await bench.cluster.apply(pods("old", 5), premises)
    assert bench.asked() == []
