"""Many at once: coalesced, refused beyond the limit, and none lost when the server ends."""

import asyncio
import concurrent.futures
import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_models import boosted, distinct, heavy
from servers import Server, closed_window, serving

from perennial_serving.process.gate import Gate, pass_through
from perennial_serving.system.sockets import bind


def body(rows: list[list[float]], name: str = "x") -> bytes:
    shape = [len(rows), len(rows[0])]
    flat = [value for row in rows for value in row]
    one = {"name": name, "shape": shape, "datatype": "FP32", "data": flat}
    return json.dumps({"inputs": [one]}).encode()


def ask(server: Server, content: bytes) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", server.http, timeout=30)
    connection.request("POST", "/v2/models/m/infer", content)
    answer = connection.getresponse()
    found = answer.status, json.loads(answer.read())
    connection.close()
    return found


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return heavy(tmp_path_factory.mktemp("heavy"))


def rows_of(n: int) -> list[list[float]]:
    row = [0.0] * 512
    row[n % 512] = 1.0
    return [row]


def mean_rows(server: Server) -> float:
    samples = server.samples()
    labels = '{model="m",version="1"}'
    count = samples[f"perennial_serving_batch_rows_count{labels}"]
    return samples[f"perennial_serving_batch_rows_sum{labels}"] / count if count else 1.0


def test_coalesced_requests_each_get_their_own_answer(directory: Path) -> None:
    requests = 96
    with serving(directory) as server:
        alone = [ask(server, body(rows_of(n)))[1]["outputs"][0]["data"] for n in range(4)]
        assert mean_rows(server) == 1.0  # nobody waited for company
        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            found = list(pool.map(lambda n: ask(server, body(rows_of(n % 4))), range(requests)))
        assert mean_rows(server) > 1.1
    for n, (status, answer) in enumerate(found):
        assert status == 200
        np.testing.assert_allclose(answer["outputs"][0]["data"], alone[n % 4], rtol=1e-3, atol=1e-2)


def test_coalescing_can_be_switched_off(directory: Path) -> None:
    with serving(directory, "--batch-max-rows", "0") as server:
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            found = list(pool.map(lambda n: ask(server, body(rows_of(n))), range(32)))
        assert {status for status, _ in found} == {200}
        assert mean_rows(server) == 1.0


def test_beyond_the_limit_a_request_is_refused_with_retry_after(directory: Path) -> None:
    with serving(directory, "--max-in-flight", "1") as server:
        seen: list[tuple[int, str | None]] = []
        large = body(rows_of(0) * 256)

        def one() -> None:
            connection = http.client.HTTPConnection("127.0.0.1", server.http, timeout=30)
            connection.request("POST", "/v2/models/m/infer", large)
            answer = connection.getresponse()
            answer.read()
            seen.append((answer.status, answer.headers["Retry-After"]))
            connection.close()

        threads = [threading.Thread(target=one) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert {status for status, _ in seen} == {200, 503}
    assert {wait for status, wait in seen if status == 503} == {"1"}


def test_a_request_under_way_is_answered_though_the_server_ends(directory: Path) -> None:
    with serving(directory) as server, concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask, server, body(rows_of(0) * 1024))
        deadline = time.monotonic() + 20
        while not server.samples()["perennial_serving_requests_in_flight"]:
            assert time.monotonic() < deadline and not asked.done()
        assert server.stop() == 0
        status, answer = asked.result()
    assert status == 200 and answer["outputs"][0]["shape"] == [1024, 512]


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Any]]:
    directory, rows = boosted(tmp_path_factory.mktemp("boosted"))
    with serving(directory) as server:
        yield server, rows


def test_the_window_counts_every_row_of_small_and_large_requests(
    learned: tuple[Server, Any],
) -> None:
    server, rows = learned
    values = rows.to_numpy().tolist()
    for row in values[:10]:
        assert ask(server, body([row], "input"))[0] == 200
    assert ask(server, body(values, "input"))[0] == 200
    window = closed_window(server)
    counted = 10 + len(values)
    assert window.rows == counted
    assert window.features is not None and window.predictions is not None
    assert len(window.features) == 30
    for column in [*window.features, *window.predictions]:
        assert sum(column.counts) == counted and column.missing == 0


def test_a_failing_request_spoils_no_other_of_its_batch(directory: Path) -> None:
    with serving(directory) as server:
        good, bad = body(rows_of(0)), body([[13.0] * 512])
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            found = list(pool.map(lambda n: ask(server, bad if n % 8 == 0 else good), range(96)))
        assert mean_rows(server) > 1.1
    for n, (status, answer) in enumerate(found):
        assert status == (500 if n % 8 == 0 else 200), answer


def test_rows_that_cannot_be_counted_are_answered_all_the_same(tmp_path: Path) -> None:
    directory = distinct(tmp_path)
    with serving(directory) as server:
        for _ in range(2):
            status, answer = ask(server, body([[1.0], [3.0]] * 100))
            assert status == 200 and answer["outputs"][0]["data"] == [1.0, 3.0]


def test_several_workers_answer_and_count_as_one(tmp_path: Path) -> None:
    directory, rows = boosted(tmp_path)
    values = rows.to_numpy().tolist()
    with serving(directory, "--workers", "2") as server:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            asked = pool.map(lambda n: ask(server, body([values[n]], "input")), range(120))
            assert {status for status, _ in asked} == {200}
        samples = server.samples()
        labels = '{code="200",model="m",protocol="rest",version="1"}'
        assert samples[f"perennial_serving_requests_total{labels}"] == 120
        infinite = '{le="+Inf",model="m",protocol="rest",version="1"}'
        name = "perennial_serving_request_duration_seconds_bucket"
        assert samples[f"{name}{infinite}"] == 120
        info = [v for k, v in samples.items() if k.startswith("perennial_serving_model_info")]
        assert info == [1.0]
        window = closed_window(server)
        assert window.rows == 120 and window.requests is not None
        assert sum(bucket.answered for bucket in window.requests.buckets) == 120
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
        assert len(children.read_text().split()) == 2
        assert server.stop() == 0


def test_nobody_waits_for_a_worker_that_has_not_loaded(tmp_path: Path) -> None:
    """From the first connection on, all are answered: no worker listens before all have loaded."""
    directory = heavy(tmp_path)
    with serving(directory, "--workers", "2") as server:
        for _ in range(30):
            with socket.create_connection(("127.0.0.1", server.http), timeout=20) as client:
                client.sendall(b"GET /v2/health/ready HTTP/1.1\r\nHost: m\r\n\r\n")
                assert client.recv(100).startswith(b"HTTP/1.1 200")


async def test_a_gate_opens_when_all_have_come() -> None:
    gate = Gate()
    passes = pass_through(*gate.descriptors)
    passed = [asyncio.create_task(asyncio.to_thread(passes)) for _ in range(2)]
    await gate.wait(2)
    assert not any(task.done() for task in passed)
    gate.open()
    await asyncio.gather(*passed)


def test_a_port_that_does_not_listen_yet_lets_nobody_wait() -> None:
    with bind("127.0.0.1", 0) as bound, pytest.raises(ConnectionRefusedError):
        socket.create_connection(bound.getsockname(), timeout=20)


def test_a_worker_that_dies_ends_the_server(tmp_path: Path) -> None:
    with serving(heavy(tmp_path), "--workers", "2") as server:
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
        os.kill(int(children.read_text().split()[0]), signal.SIGKILL)
        assert server.process.wait(30) == 1
