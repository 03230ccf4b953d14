"""What a request may do to a model: nothing that others notice."""

import asyncio
import concurrent.futures
import json
import os
import resource
import signal
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from onnx_models import boosted, centred, distinct, doubling, echo, growing, heavy, looping
from servers import Server, serving
from test_load import ask, body, mean_rows

from perennial_serving.evidence.metrics import Metrics
from perennial_serving.execution import scheduler
from perennial_serving.execution.admission import Admission
from perennial_serving.execution.dataplane import DataPlane
from perennial_serving.model.loaded import load
from perennial_serving.model.rowwise import is_rowwise
from perennial_serving.process.aside import Aside
from perennial_serving.process.observability import observability_port
from perennial_serving.process.own import Own, Pulse
from perennial_serving.process.settings import read
from perennial_serving.system.sockets import bind


def times(count: int) -> bytes:
    inputs = [
        {"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [1.0]},
        {"name": "times", "shape": [1, 1], "datatype": "INT64", "data": [count]},
    ]
    return json.dumps({"inputs": inputs}).encode()


def test_a_model_whose_work_values_multiply_runs_on_threads(tmp_path: Path) -> None:
    """While it loops, which is for ever as far as this test goes, health is answered."""
    with serving(looping(tmp_path)) as server:
        assert ask(server, times(3))[1]["outputs"][0]["data"] == [4.0]
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            asked = pool.submit(ask, server, times(20_000_000))
            for port in (server.http, server.metrics):
                for path in ("live", "ready"):
                    url = f"http://127.0.0.1:{port}/v2/health/{path}"
                    urllib.request.urlopen(url, timeout=10).close()
            assert not asked.done()
            server.process.kill()


async def test_one_surprise_sends_a_model_to_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "SURPRISE_SECONDS", 0.0)
    plane = DataPlane(load(doubling(tmp_path), "m", "1"), Metrics("m", "1"))
    plane.seconds_per_row = 1e-6
    scheduled = scheduler.Scheduler(plane, 0, 1)
    feeds: Any = {"x": np.ones((1, 1), np.float32)}
    answers: list[Any] = []
    scheduled.submit(feeds, 1, answers.append)
    assert len(answers) == 1  # at once, and the last one
    scheduled.submit(feeds, 1, answers.append)
    assert len(answers) == 1 and scheduled._running == 1


def test_what_asks_for_more_memory_than_there_is_fails_alone(tmp_path: Path) -> None:
    with serving(growing(tmp_path), "--memory-bytes", str(700 << 20)) as server:
        assert ask(server, body([[1000.0]]))[0] == 200
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            honest = [pool.submit(ask, server, body([[1.0]])) for _ in range(50)]
            status, answer = ask(server, body([[1.5e9]]))  # 6 GiB
            assert status == 500 and "the model failed" in answer["error"]
            assert {asked.result()[0] for asked in honest} == {200}
        assert ask(server, body([[1000.0]]))[0] == 200
        assert server.process.poll() is None


def test_each_worker_has_its_part_of_the_memory(tmp_path: Path) -> None:
    """What asks for too much fails alone, whichever worker it comes to, and all go on."""
    options = ("--workers", "2", "--memory-bytes", str(1400 << 20))
    with serving(growing(tmp_path), *options) as server:
        found = [ask(server, body([[1.5e9]])) for _ in range(12)]  # each on a connection of its own
        assert {status for status, _ in found} == {500}
        assert all("the model failed" in answer["error"] for _, answer in found)
        for _ in range(12):
            assert ask(server, body([[1000.0]]))[0] == 200
        assert server.process.poll() is None
        workers = children(server)
        soft = [resource.prlimit(worker, resource.RLIMIT_AS)[0] for worker in workers]
        mapped = [pages(worker) * resource.getpagesize() for worker in workers]
        assert len(workers) == 2
        for limit, size in zip(soft, mapped, strict=True):
            assert limit != resource.RLIM_INFINITY and limit - size < 700 << 20


def test_a_pod_is_not_ready_when_a_worker_hangs(tmp_path: Path) -> None:
    with serving(doubling(tmp_path), "--workers", "2") as server:
        ready = f"http://127.0.0.1:{server.metrics}/v2/health/ready"
        until_good(ready)
        os.kill(children(server)[0], signal.SIGSTOP)
        with pytest.raises(urllib.error.HTTPError, match="503"):
            get(ready)
        os.kill(children(server)[0], signal.SIGCONT)
        until_good(ready)


def until_good(url: str) -> None:
    """Ask until the answer is 200, which it has to be within a minute."""
    deadline = time.monotonic() + 60
    while True:
        try:
            get(url)
        except urllib.error.HTTPError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


def children(server: Server) -> list[int]:
    pid = server.process.pid
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def pages(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[0])


def test_batching_is_only_for_models_that_answer_row_by_row(tmp_path: Path) -> None:
    for made, expected in (
        (doubling, True),
        (heavy, True),
        (echo, True),
        (centred, False),
        (distinct, False),
    ):
        model = load(made(tmp_path / made.__name__), "m", "1")
        assert is_rowwise(model) is expected, made
    trained, _ = boosted(tmp_path / "boosted")
    assert is_rowwise(load(trained, "m", "1"))


def test_a_row_gets_the_same_answer_in_any_company(tmp_path: Path) -> None:
    with serving(centred(tmp_path)) as server:

        def one(n: int) -> tuple[int, Any]:
            return ask(server, body([[float(n)]]))

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            found = list(pool.map(one, range(200)))
        assert all(s == 200 and a["outputs"][0]["data"] == [0.0] for s, a in found)
        assert mean_rows(server) == 1.0


def test_there_is_a_limit_of_rows(tmp_path: Path) -> None:
    with serving(doubling(tmp_path), "--max-rows", "3") as server:
        assert ask(server, body([[1.0]] * 3))[0] == 200
        status, answer = ask(server, body([[1.0]] * 4))
        assert status == 400 and "at most 3 are taken" in answer["error"]


def get(url: str) -> None:
    urllib.request.urlopen(url, timeout=20).close()


def test_health_and_metrics_are_answered_while_the_loop_is_busy(tmp_path: Path) -> None:
    """A stopped loop stands for one that something keeps from getting round."""

    async def run() -> None:
        admission = Admission(1, Metrics("m", "1"))
        pulse = Pulse(asyncio.get_running_loop(), admission)
        about: Any = type("About", (), {"bases": ()})
        plane: Any = type("Plane", (), {"metrics": Metrics("m", "1"), "model": None})
        with bind("127.0.0.1", 0) as bound:
            aside = Aside(lambda: observability_port(Own(plane, pulse, about, lambda: None)), bound)
            aside.start()
            base = f"http://127.0.0.1:{bound.getsockname()[1]}"
            with pytest.raises(urllib.error.HTTPError, match="503"):
                get(f"{base}/v2/health/ready")
            pulse.listening = True
            # From this loop's own thread, so that it does not get round meanwhile.
            for path in ("healthz", "v2/health/live", "v2/health/ready", "metrics"):
                get(f"{base}/{path}")
            pulse._last -= Pulse.READY_SECONDS + 1
            assert pulse.is_live and not pulse.is_ready
            pulse._last -= Pulse.LIVE_SECONDS
            with pytest.raises(urllib.error.HTTPError, match="503"):
                get(f"{base}/healthz")
            aside.stop()

    asyncio.run(run())


def test_the_limit_of_files_is_raised_and_connections_stay_below_it(tmp_path: Path) -> None:
    """More connections than files: the idle ones go, and every port answers."""
    prefix = ("prlimit", "--nofile=128:256")
    with serving(doubling(tmp_path), prefix=prefix) as server:
        assert resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE) == (256, 256)
        kept = [
            socket.create_connection(("127.0.0.1", port), timeout=20)
            for _ in range(150)
            for port in (server.http, server.grpc)
        ]
        get(f"{server.url}/v2/health/live")
        get(f"http://127.0.0.1:{server.metrics}/metrics")
        assert ask(server, body([[1.0]]))[0] == 200
        with grpc.insecure_channel(f"127.0.0.1:{server.grpc}") as channel:
            live = channel.unary_unary("/inference.GRPCInferenceService/ServerLive")
            assert live(b"", timeout=20)
        for one in kept:
            one.close()


@pytest.mark.parametrize("size", ["0", "1023", "much"])
def test_a_limit_that_makes_no_sense_is_told(size: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read(["--max-body-bytes", size])
    assert "max-body-bytes" in capsys.readouterr().err


def test_the_smallest_body_that_the_schema_allows_is_served(tmp_path: Path) -> None:
    directory = doubling(tmp_path)
    with serving(directory, "--max-body-bytes", "1024") as server:
        assert ask(server, body([[1.0]]))[0] == 200
        assert ask(server, body([[1.0]] * 500))[0] == 413
        with grpc.insecure_channel(f"127.0.0.1:{server.grpc}") as channel:
            live = channel.unary_unary("/inference.GRPCInferenceService/ServerLive")
            assert live(b"", timeout=20)


def crowd(server: Server) -> float:
    return server.samples()["perennial_serving_memory_limit_bytes"]


def test_the_budget_follows_the_memory(tmp_path: Path) -> None:
    directory = doubling(tmp_path)
    with serving(directory, "--memory-bytes", str(700 << 20)) as server:
        small = crowd(server)
    with serving(directory, "--memory-bytes", str(1400 << 20)) as server:
        assert crowd(server) > small > 32 << 20
        assert server.samples()["perennial_serving_memory_held_bytes"] == 0
