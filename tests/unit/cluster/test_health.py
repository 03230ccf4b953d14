"""What the kubelet is told."""

import aiohttp
import pytest

from perennial.cluster import health


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
