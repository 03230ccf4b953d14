"""Our own kinds, kept although Kopf says no word of what has vanished, or ends."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from served import Server
from virtual import run

from perennial.api import API_VERSION
from perennial.api.values import Json
from perennial.cluster import own_kinds
from perennial.cluster.cache import Cache, Source
from perennial.cluster.client import Cluster
from perennial.cluster.own_kinds import SETTLED_SECONDS, SWEEP_SECONDS

KINDS = (Source(API_VERSION, "ModelDeployment"), Source(API_VERSION, "DriftMonitor"))


def made(name: str) -> Json:
    meta = {"name": name, "namespace": "team"}
    return {"apiVersion": API_VERSION, "kind": "ModelDeployment", "metadata": meta}


class Kopf:
    """Tells what it is let tell; ``begun`` counts how often it was started."""

    def __init__(self, server: Server) -> None:
        self.server, self.begun, self.stopped = server, 0, 0
        self.take: Callable[[str | None, Json], None] = lambda *_: None
        self.end: asyncio.Future[None]

    async def watch(self, namespace: str, take: Any, begun: Any) -> None:
        self.begun += 1
        self.take, self.end = take, asyncio.get_running_loop().create_future()
        try:
            await self.end
        finally:
            self.stopped += 1

    def list(self) -> None:
        for body in self.server.listed("ModelDeployment"):
            self.take(None, body)


def play(monkeypatch: pytest.MonkeyPatch, scene: Any) -> None:
    server, cache = Server(), Cache(KINDS)
    kopf = Kopf(server)
    monkeypatch.setattr(own_kinds, "watch", kopf.watch)

    def same() -> bool:
        return cache.select(API_VERSION, "ModelDeployment") == server.listed("ModelDeployment")

    async def whole() -> None:
        cluster = Cluster(server)  # type: ignore[arg-type]
        server.write(made("early"))
        kept = asyncio.create_task(own_kinds.keep_own(cluster, cache, KINDS, "", lambda: None))
        await asyncio.sleep(1)
        assert cache.is_listed("team") and same()
        await scene(server, kopf, same)
        assert not kept.done()
        kept.cancel()
        await asyncio.wait([kept])
        await asyncio.sleep(1)
        assert kopf.stopped == kopf.begun

    run(whole())


def test_what_kopf_tells_is_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(server: Server, kopf: Kopf, same: Any) -> None:
        kopf.take("ADDED", server.write(made("late")))
        assert same()
        kopf.take("DELETED", server.remove("ModelDeployment", "team", "early"))
        assert same()

    play(monkeypatch, scene)


def test_what_vanished_before_kopf_listed_is_swept(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(server: Server, kopf: Kopf, same: Any) -> None:
        await asyncio.sleep(60)
        server.remove("ModelDeployment", "team", "early")
        server.write(made("late"))
        kopf.list()  # it began anew, and says only what is there
        assert not same()
        await asyncio.sleep(SETTLED_SECONDS + 1)
        assert same()

    play(monkeypatch, scene)


def test_what_vanished_while_kopf_began_is_swept(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(server: Server, kopf: Kopf, same: Any) -> None:
        server.remove("ModelDeployment", "team", "early")  # between our list and Kopf's
        await asyncio.sleep(SETTLED_SECONDS + 1)
        assert same()

    play(monkeypatch, scene)


def test_what_was_never_told_costs_ten_minutes_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(server: Server, kopf: Kopf, same: Any) -> None:
        await asyncio.sleep(60)
        server.remove("ModelDeployment", "team", "early")
        server.write(made("late"))
        asked = len(server.asked)
        await asyncio.sleep(SWEEP_SECONDS + SETTLED_SECONDS)
        assert same() and kopf.begun == 1
        assert len(server.asked) - asked <= 2 * len(KINDS)  # at rest it asks for little

    play(monkeypatch, scene)


def test_where_kopf_ends_it_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(server: Server, kopf: Kopf, same: Any) -> None:
        for times in range(1, 4):
            kopf.end.set_exception(PermissionError("watch of modeldeployments"))
            server.write(made(f"late-{times}"))
            await asyncio.sleep(60)
            assert same() and kopf.begun == times + 1

    play(monkeypatch, scene)


def test_where_it_may_not_list_it_knows_nothing_until_it_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene(server: Server, kopf: Kopf, same: Any) -> None:
        server.refused["modeldeployments"] = 403
        kopf.end.set_exception(PermissionError("watch of modeldeployments"))
        await asyncio.sleep(60)
        assert not same()
        server.refused.clear()
        await asyncio.sleep(60)
        assert same() and kopf.begun == 2

    play(monkeypatch, scene)
