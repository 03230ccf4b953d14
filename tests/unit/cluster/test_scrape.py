"""Reading serving pods."""

import asyncio
import math
from typing import Any

import pytest
from aiohttp import web

from perennial.cluster import scrape
from perennial.cluster.scrape import parse, read_pods, url

TEXT = b"""
# HELP perennial_serving_requests Requests.
# TYPE perennial_serving_requests counter
perennial_serving_requests_total{model="m",version="1",protocol="http",code="200"} 90
perennial_serving_requests_total{model="m",version="1",protocol="grpc",code="200"} 5
perennial_serving_requests_total{model="m",version="1",protocol="http",code="400"} 3
perennial_serving_requests_total{model="m",version="1",protocol="http",code="503"} 2
perennial_serving_requests_total{model="m",version="1",protocol="http"} 1
# TYPE perennial_serving_request_duration_seconds histogram
perennial_serving_request_duration_seconds_bucket{protocol="http",le="0.01"} 60
perennial_serving_request_duration_seconds_bucket{protocol="http",le="+Inf"} 95
perennial_serving_request_duration_seconds_bucket{protocol="grpc",le="0.01"} 5
perennial_serving_request_duration_seconds_bucket{protocol="grpc",le="+Inf"} 5
perennial_serving_request_duration_seconds_sum{protocol="http"} 1.5
perennial_serving_request_duration_seconds_count{protocol="http"} 95
# TYPE process_start_time_seconds gauge
process_start_time_seconds 1732641234.5
# TYPE other_requests counter
other_requests_total{code="500"} 1000
"""


def test_counters_of_all_protocols_add_up_and_5xx_are_errors_4xx_refusals() -> None:
    found = parse("p", "r1", TEXT)
    assert (found.pod, found.revision) == ("p", "r1")
    assert (found.requests, found.errors, found.refusals) == (101, 2, 3)
    assert found.start == 1732641234.5
    assert found.buckets == {0.01: 65, math.inf: 100}


def test_a_pod_that_counted_nothing() -> None:
    found = parse("p", "r1", b"")
    assert (found.requests, found.errors, found.buckets) == (0, 0, {})


def test_a_text_that_is_no_exposition_is_refused() -> None:
    with pytest.raises(ValueError):
        parse("p", "r1", b"<html>{</html>")


def pod(name: str, ready: bool = True, address: str = "127.0.0.1", **meta: Any) -> dict[str, Any]:
    status = {"podIP": address, "conditions": [{"type": "Ready", "status": str(ready)}]}
    return {"metadata": {"name": name, **meta}, "status": status}


async def test_only_ready_pods_that_answer_well_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrape, "MAXIMUM_BYTES", 100)
    monkeypatch.setattr(scrape, "SECONDS", 0.3)

    async def answer(request: web.Request) -> web.Response:
        host = request.host.split(":")[0]
        if host == "127.0.0.5":
            await asyncio.sleep(60)
        size = 101 if host == "127.0.0.4" else 100
        return web.Response(status=500 if host == "127.0.0.3" else 200, body=b"x" * size)

    app = web.Application()
    app.router.add_get("/metrics", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    for last in (3, 4, 5):
        await web.TCPSite(runner, f"127.0.0.{last}", port).start()
    monkeypatch.setattr(scrape, "PORT", port)
    try:
        found = await read_pods(
            [
                pod("good"),
                pod("not-ready", ready=False),
                pod("going", deletionTimestamp="2026-01-01T00:00:00Z"),
                pod("failing", address="127.0.0.3"),
                pod("too-large", address="127.0.0.4"),
                pod("too-slow", address="127.0.0.5"),
                {"metadata": {"name": "new"}, "status": {}},
            ],
            "/metrics",
        )
    finally:
        await runner.cleanup()
    assert found == {"good": b"x" * 100}


async def test_a_body_that_comes_in_pieces_is_read_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in (b"first,", b"last"):
            await response.write(piece)
            await asyncio.sleep(0.05)  # so that they are two packets
        return response

    app = web.Application()
    app.router.add_get("/metrics", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    monkeypatch.setattr(scrape, "PORT", runner.addresses[0][1])
    try:
        assert await read_pods([pod("one")], "/metrics") == {"one": b"first,last"}
    finally:
        await runner.cleanup()


def test_a_pods_address_of_either_family_can_be_asked() -> None:
    assert url("10.0.0.1", "/metrics") == "http://10.0.0.1:9090/metrics"
    assert url("fd00::1", "/metrics") == "http://[fd00::1]:9090/metrics"
