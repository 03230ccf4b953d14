"""List and watch: whatever the API server does, the cache ends at what is live."""

import asyncio
from typing import Any

import aiohttp
import pytest
from served import Server
from virtual import run

from perennial.api.values import Json
from perennial.cluster import watch
from perennial.cluster.cache import Cache, Source
from perennial.cluster.client import Cluster

OURS = "app.kubernetes.io/managed-by=perennial"
PODS = Source("v1", "Pod", OURS)


def pod(name: str, ours: bool = True, namespace: str = "team") -> Json:
    labels = {"app.kubernetes.io/managed-by": "perennial"} if ours else {}
    meta = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta}


class Kept:
    """A cache that is kept while others work on the server, in virtual time."""

    def __init__(self, namespace: str = "") -> None:
        self.server, self.cache, self.namespace = Server(), Cache([PODS]), namespace

    def play(self, scene: Any) -> None:
        async def whole() -> None:
            cluster = Cluster(self.server)  # type: ignore[arg-type]
            kept = asyncio.create_task(watch.keep(cluster, self.cache, PODS, self.namespace))
            await asyncio.sleep(5)
            await scene(self)
            assert not kept.done()
            kept.cancel()

        run(whole())

    def same(self) -> bool:
        live = self.server.listed("Pod", self.namespace, OURS)
        return self.cache.select("v1", "Pod", self.namespace) == live

    def lists(self) -> int:
        return sum(self.server.asked.count(("GET", path)) for path in (
            "/api/v1/pods", "/api/v1/namespaces/team/pods")) - self.watched()  # fmt: skip

    def watched(self) -> int:
        return self.server.watching


@pytest.fixture
def kept() -> Kept:
    made = Kept()
    for name in "abcde":
        made.server.write(pod(name))
    made.server.write(pod("foreign", ours=False))
    return made


def test_pages_make_one_list_and_the_watch_goes_on_from_it(kept: Kept) -> None:
    async def scene(_: Kept) -> None:
        assert kept.same() and kept.lists() == 3  # five in pages of two
        kept.server.write(pod("f"))
        kept.server.remove("Pod", "team", "a")
        kept.server.write(pod("b", ours=False))
        await asyncio.sleep(5)
        assert kept.same() and kept.lists() == 3

    kept.play(scene)


def gone(kept: Kept) -> list[Any]:
    return [{"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old"}}]


def failed(kept: Kept) -> list[Any]:
    return [{"type": "ERROR", "object": {"kind": "Status", "code": 500, "message": "etcd"}}]


def nonsense(kept: Kept) -> list[Any]:
    return ["not an event"]


@pytest.mark.parametrize("said", [gone, failed, nonsense])
def test_a_watch_that_cannot_go_on_is_begun_anew_with_a_list(kept: Kept, said: Any) -> None:
    async def scene(_: Kept) -> None:
        kept.server.remove("Pod", "team", "a")  # and no watch ever tells
        kept.server.watches.append(said(kept))
        kept.server.forgotten = kept.server.version
        await asyncio.sleep(30)
        assert kept.same() and kept.lists() > 3

    kept.play(scene)


def test_a_watch_that_breaks_off_goes_on_where_it_was(kept: Kept) -> None:
    async def scene(_: Kept) -> None:
        event = {"type": "ADDED", "object": kept.server.write(pod("f"))}
        kept.server.watches.append([event, aiohttp.ClientPayloadError("cut")])
        kept.server.watches.append([aiohttp.ClientConnectionError("no route")])
        kept.server.write(pod("g"))
        await asyncio.sleep(30)
        assert kept.same() and kept.lists() == 3

    kept.play(scene)


@pytest.mark.parametrize("status", [410, 500])
def test_a_refused_watch_is_a_list_again(kept: Kept, status: int) -> None:
    async def scene(_: Kept) -> None:
        kept.server.refused["watch"] = status
        kept.server.write(pod("f"))
        await asyncio.sleep(60)
        assert kept.same() and kept.lists() > 3

    kept.play(scene)


@pytest.mark.parametrize(("status", "known"), [(403, False), (404, False), (503, True)])
def test_where_it_may_not_list_it_knows_nothing_and_comes_back(
    kept: Kept, status: int, known: bool
) -> None:
    async def scene(_: Kept) -> None:
        kept.server.refused |= {"pods": status, "watch": status}
        kept.server.remove("Pod", "team", "a")
        await asyncio.sleep(60)
        assert bool(kept.cache.select("v1", "Pod")) == kept.cache.is_listed("team") == known
        asked = len(kept.server.asked)
        await asyncio.sleep(60)
        assert len(kept.server.asked) - asked < 12  # it does not ask at each moment
        kept.server.refused.clear()
        await asyncio.sleep(30)
        assert kept.same() and kept.cache.is_listed("team")

    kept.play(scene)


def test_in_one_namespace_it_asks_for_nothing_elsewhere() -> None:
    kept = Kept("team")
    for namespace in ("team", "other"):
        kept.server.write(pod("a", namespace=namespace))

    async def scene(_: Kept) -> None:
        assert kept.same() and kept.cache.select("v1", "Pod", "other") == []
        assert {path for _, path in kept.server.asked} == {"/api/v1/namespaces/team/pods"}

    kept.play(scene)


def test_a_server_that_ends_each_watch_at_once_is_not_asked_all_the_time(kept: Kept) -> None:
    async def scene(_: Kept) -> None:
        asked = len(kept.server.asked)
        kept.server.watches += [[] for _ in range(10_000)]
        await asyncio.sleep(60)
        assert 20 < len(kept.server.asked) - asked < 400

    kept.play(scene)
