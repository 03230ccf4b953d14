"""GET /window on a pod's metrics port."""

import asyncio
import http.client
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from onnx_models import boosted
from servers import Server, closed_window, serving, window

from perennial.plan.core.questions import Question
from perennial.sources import pods
from perennial.sources.pods import Pods
from perennial_artifact.windows import PARTS, merge


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Any]]:
    directory, rows = boosted(tmp_path_factory.mktemp("boosted"))
    with serving(directory) as server:
        yield server, rows.to_numpy().tolist()


def infer(server: Server, rows: list[Any]) -> int:
    data = [{"name": "input", "shape": [len(rows), 30], "datatype": "FP32", "data": rows}]
    connection = http.client.HTTPConnection("127.0.0.1", server.http)
    connection.request("POST", "/v2/models/m/infer", json.dumps({"inputs": data}))
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_window_tells_what_was_answered_and_refused_and_since_when(
    learned: tuple[Server, Any],
) -> None:
    server, rows = learned
    began = time.time()
    assert infer(server, rows[:2]) == 200
    assert infer(server, [[1.0]]) == 400
    found = closed_window(server)
    assert (found.model, found.version) == ("m", "1")
    assert found.since < began < found.clock and found.end <= found.clock
    assert found.requests is not None
    counted = [b for b in found.requests.buckets if b.start >= int(began)]
    assert sum(b.answered for b in counted) == sum(b.refused for b in counted) == 1
    assert sum(b.failed for b in counted) == 0
    assert all(sum(b.took) == b.requests for b in counted)
    assert found.rows == 2 and len(found.profile) == 64


def test_a_window_is_the_sum_of_its_halves_and_an_analysis_asks_for_requests_alone(
    learned: tuple[Server, Any],
) -> None:
    server, rows = learned
    assert infer(server, rows[:1]) == 200
    whole = closed_window(server, "requests")
    assert whole.features is None and whole.predictions is None and whole.profile == ""
    middle = whole.end - 3  # seconds are exact for ten minutes
    halves = [
        type(whole).from_json(window(server, a, b, "requests")[1])
        for a, b in ((whole.start, middle), (middle, whole.end))
    ]
    assert merge(halves).requests == whole.requests
    columns = type(whole).from_json(window(server, whole.start, whole.end, "features")[1])
    assert columns.requests is None and columns.predictions is None
    assert columns.features is not None


def test_what_has_not_ended_is_425_with_the_pods_clock(learned: tuple[Server, Any]) -> None:
    end = int(time.time()) // 5 * 5 + 60
    status, body = window(learned[0], end - 60, end)
    told = json.loads(body)
    assert status == 425 and abs(told["clock"] - time.time()) < 5 and str(end) in told["error"]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("", "expected from and to"),
        ("from=1&to=x", "expected from and to"),
        ("from=1&to=%ff", "expected from and to"),
        ("from=5&to=5", "to must come after from"),
        ("from=-5&to=5", "to must come after from"),
        ("from=1&to=99999999999999999999", "to must come after from"),
        ("from=61&to=120&parts=requests", "61 is in a bucket of 5 s"),
        ("from=60&to=125&parts=features", "125 is in a bucket of 60 s"),
    ],
)
def test_a_window_that_makes_no_sense_is_refused(
    learned: tuple[Server, Any], query: str, told: str
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", learned[0].metrics)
    connection.request("GET", f"/window?{query}")
    answer = connection.getresponse()
    assert answer.status == 400 and told in json.loads(answer.read())["error"]
    connection.close()


async def test_the_operator_reads_what_a_server_of_several_processes_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, table = boosted(tmp_path)
    rows = table.to_numpy().tolist()
    with serving(directory, "--workers", "2") as server:
        for row in rows[:20]:
            assert await asyncio.to_thread(infer, server, [row]) == 200
        end = (await asyncio.to_thread(closed_window, server)).end
        monkeypatch.setattr(pods, "PORT", server.metrics)
        asking = Pods()
        question = Question("p", "r1", "127.0.0.1", end - 300, end, 5, PARTS)
        (heard,) = await asking.ask([question])
        assert heard.window is not None and heard.window.rows == 20 and not heard.is_skewed
        assert heard.window.requests is not None
        assert sum(b.requests for b in heard.window.requests.buckets) == 20
        profile = await asking.profile(question, heard.window.profile)
        assert profile is not None and len(profile.features) == len(heard.window.features or ())
        soon = replace(question, end=int(time.time()) + 2, step=1, parts=("requests",))
        (heard,) = await asking.ask([soon])
        assert heard.window is not None and heard.window.end < soon.end  # what has been by now
        await asking.close()


def test_what_is_not_counted_is_absent(tmp_path: Path) -> None:
    directory, _ = boosted(tmp_path)
    with serving(directory, "--drift", "0") as server:
        found = closed_window(server, "requests,features,outcomes,one-of-a-newer-operator")
        assert found.requests is not None and found.features is None and found.profile == ""
        assert found.outcomes is None
        assert server.stop() == 0
