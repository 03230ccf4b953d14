"""A leader whose Lease cannot be renewed stops before another one may begin."""

import asyncio
from typing import Any

import pytest
from kubernetes.aio import client
from kubernetes.aio.client.exceptions import ApiException
from virtual import VirtualLoop, run

from perennial.cluster import client as connection
from perennial.cluster import leader
from perennial.cluster.client import Cluster, NotLeading
from perennial.cluster.health import Readiness


class Hanging:
    """An API server that gives the Lease once, and then answers no more."""

    path = staticmethod(Cluster.path)

    def __init__(self) -> None:
        self.leads_until: float | None = None
        self.lease: Any = None
        self.asked: list[float] = []

    async def call(self, verb: str, path: str, body: Any = None, seconds: float = 30) -> Any:
        if self.lease is not None:
            self.asked.append(seconds)
            await asyncio.sleep(seconds)
            raise TimeoutError
        if verb == "GET":
            raise ApiException(status=404, body='{"code": 404}')
        self.lease = body
        return body


def test_a_lease_that_cannot_be_renewed_ends_the_work_before_it_runs_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(leader.time, "monotonic", lambda: VirtualLoop.now)
    ended_at: list[float] = []

    async def play() -> None:
        loop, cluster = asyncio.get_running_loop(), Hanging()
        monkeypatch.setattr(leader.time, "monotonic", loop.time)

        async def work(ended: asyncio.Event) -> None:
            await ended.wait()
            ended_at.append(loop.time())

        place: Any = cluster
        with pytest.raises(RuntimeError, match="was lost"):
            await leader.lead(place, "l", "team", work, asyncio.Event(), Readiness())
        assert cluster.asked and max(cluster.asked) < leader.RENEW_SECONDS

    run(play())
    assert ended_at and ended_at[0] <= leader.LEASE_SECONDS - leader.MARGIN_SECONDS


class Api(client.ApiClient):
    """Notes how long a request may take."""

    def __init__(self) -> None:
        self.allowed: list[float] = []

    async def param_serialize(self, *_: Any, **__: Any) -> Any:  # type: ignore[override]
        return "", "http://api/", {}, None, []

    async def call_api(self, *_: Any, _request_timeout: float = 0, **__: Any) -> Any:
        self.allowed.append(_request_timeout)
        raise TimeoutError


@pytest.mark.parametrize(
    ("verb", "left", "allowed"),
    [("GET", -1.0, [30]), ("PATCH", 5.0, [5]), ("PATCH", 60.0, [30]), ("PATCH", -1.0, [])],
)
async def test_a_write_ends_with_the_lease(
    monkeypatch: pytest.MonkeyPatch, verb: str, left: float, allowed: list[float]
) -> None:
    monkeypatch.setattr(connection.time, "monotonic", lambda: 100.0)
    api = Api()
    cluster = Cluster(api)
    cluster.leads_until = 100.0 + left
    with pytest.raises(TimeoutError if allowed else NotLeading):
        await cluster.call(verb, "/")
    assert api.allowed == allowed
