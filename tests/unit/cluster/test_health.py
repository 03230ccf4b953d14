"""What the kubelet is told."""

import aiohttp
import pytest

from perennial.cluster import health
from perennial.cluster.health import STALE_SECONDS, Readiness


@pytest.mark.parametrize(("alive", "ready"), [(True, True), (True, False), (False, True)])
async def test_each_endpoint_says_how_it_is(alive: bool, ready: bool) -> None:
    runner = await health.serve(0, lambda: alive, lambda: ready, "127.0.0.1")
    try:
        port = runner.addresses[0][1]
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            for path, good in (("/healthz", alive), ("/readyz", ready)):
                async with session.get(path) as answer:
                    assert answer.status == (200 if good else 503), path
    finally:
        await runner.cleanup()


def test_a_standby_is_ready_while_the_lease_is_within_reach(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(health.time, "monotonic", lambda: now)
    standby = Readiness()
    assert not standby.is_ready()
    standby.touch()
    now += STALE_SECONDS - 1
    assert standby.is_ready()
    now += 1
    assert not standby.is_ready()


def test_a_leader_is_ready_once_it_watches() -> None:
    leader = Readiness(leads=True)
    leader.watches.set()
    assert not leader.is_ready()
    leader.touch()
    assert leader.is_ready()
    leader.watches.clear()
    assert not leader.is_ready()
