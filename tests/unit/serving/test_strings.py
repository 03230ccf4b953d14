"""Many strings are made, run and freed some at a time, whoever holds them last."""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from http2_peer import until
from onnx_models import texts

from perennial_serving.evidence.metrics import Metrics
from perennial_serving.execution.admission import Admission
from perennial_serving.execution.dataplane import DataPlane
from perennial_serving.execution.scheduler import Scheduler
from perennial_serving.model import strings
from perennial_serving.model.loaded import Model, load
from perennial_serving.protocol.call import Engine
from perennial_serving.protocol.lists import Listed
from perennial_serving.protocol.rest import RestApp
from perennial_serving.protocol.tensors import Feeds
from perennial_serving.system.budget import Budget, Lease
from perennial_serving.system.errors import RequestError
from perennial_serving.transport.http1.request import Request

INFER = "/v2/models/m/infer"
COUNT = 20_000
MOST = 1 << 20


@pytest.fixture
def emptied(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The arrays that are emptied, and still there afterwards."""
    found: list[Any] = []
    empty = strings.empty

    def seen(array: Any) -> None:
        empty(array)
        found.append(array)

    monkeypatch.setattr(strings, "empty", seen)
    yield found


def made(count: int = COUNT) -> Any:
    return np.array([f"word {n}" for n in range(count)], object)


def is_empty(array: Any) -> bool:
    return all(value is None for value in array.ravel().tolist())


async def test_what_others_still_look_at_is_not_emptied(emptied: list[Any]) -> None:
    budget = Budget(1000)
    lease = Lease(budget)
    lease.grow(10)
    with ThreadPoolExecutor(1) as threads:
        remains = strings.Remains(threads)
        array = made()
        looks = array.reshape(2, -1)[1:]
        remains.take([looks], lease)
        del array, lease
        await asyncio.sleep(5 * strings._SOON_SECONDS)
        assert looks[0, 0] == f"word {COUNT // 2}" and not emptied and budget.held == 10
        del looks
        await until(lambda: bool(emptied))
    assert len(emptied) == 1 and emptied[0].size == COUNT and is_empty(emptied[0])
    assert budget.held == 0


async def test_parts_of_one_array_are_emptied_when_all_have_gone(emptied: list[Any]) -> None:
    """As those of requests that were answered together."""
    with ThreadPoolExecutor(1) as threads:
        remains = strings.Remains(threads)
        array = made(2 * COUNT)
        remains.take([array[:COUNT]], None)
        remains.take([array[COUNT:]], None)
        del array
        await asyncio.wait_for(until(lambda: bool(emptied)), 20)
        assert not remains._held
    assert [array.size for array in emptied] == [2 * COUNT]


async def test_few_strings_and_numbers_just_go(emptied: list[Any]) -> None:
    with ThreadPoolExecutor(1) as threads:
        remains = strings.Remains(threads)
        remains.take([made(strings.AT_ONCE), np.zeros(COUNT)], None)
        assert remains._timer is None and not remains._held


def test_an_array_is_emptied_some_strings_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    class Array:
        """As much of one as is needed, which tells how much is changed at once."""

        size = 10
        changes: list[tuple[int, int]] = []

        def reshape(self, _: int) -> "Array":
            return self

        def __setitem__(self, part: slice, value: None) -> None:
            self.changes.append((part.start, part.stop))

    monkeypatch.setattr(strings, "AT_ONCE", 4)
    array: Any = Array()
    strings.empty(array)
    assert array.changes == [(0, 4), (4, 8), (8, 12)]


class Served:
    """A model of texts behind the REST side, without a network."""

    def __init__(self, directory: Path, most: int = MOST, budget: int = 1 << 30) -> None:
        self.model: Model = load(texts(directory), "m", "1")
        self.plane = DataPlane(self.model, Metrics("m", "1"))
        self.budget = Budget(budget)
        self.head = b""  # of the last answer
        admission = Admission(10, self.plane.metrics)
        self.scheduled = Scheduler(self.plane, 256, 1)
        feeds = Feeds(self.model, most)
        self.engine = Engine(self.plane, self.scheduled, admission, feeds, self.budget)
        self.app = RestApp(self.engine, 1 << 24)

    async def ask(self, data: list[Any], shape: list[int]) -> tuple[int, Any]:
        tensor = {"name": "x", "shape": shape, "datatype": "BYTES", "data": data}
        request = Request("POST", INFER, b"", {}, json.dumps({"inputs": [tensor]}).encode())
        answered: asyncio.Future[tuple[int, Any]] = asyncio.get_running_loop().create_future()

        def respond(status: int, body: bytes, head: bytes) -> None:
            self.head = head
            answered.set_result((status, json.loads(body)))

        request.respond = respond
        self.app(request)
        del request, respond
        return await answered


async def test_a_request_of_many_is_freed_in_parts_on_both_sides(
    tmp_path: Path, emptied: list[Any]
) -> None:
    served = Served(tmp_path)
    words = [f"word {n}" for n in range(COUNT)]
    status, answer = await served.ask(words, [COUNT, 1])
    assert status == 200 and answer["outputs"][0]["data"] == words
    await until(lambda: len(emptied) == 2)
    assert [array.size for array in emptied] == [COUNT] * 2 and all(map(is_empty, emptied))
    await until(lambda: served.budget.held == 0)


async def test_so_is_one_that_turns_out_to_be_wrong(tmp_path: Path, emptied: list[Any]) -> None:
    served = Served(tmp_path)
    status, answer = await served.ask(["word"] * (COUNT - 1) + [1], [COUNT, 1])
    assert status == 400 and "strings in data of BYTES" in answer["error"]
    assert [array.size for array in emptied] == [COUNT] and is_empty(emptied[0])


async def test_what_becomes_more_than_the_budget_is_refused(tmp_path: Path) -> None:
    """A body that is small beside the strings in it."""
    served = Served(tmp_path, budget=1 << 20)
    status, answer = await served.ask([""] * COUNT, [COUNT, 1])
    assert status == 503 and "fewer rows" in answer["error"]
    assert b"retry-after: 1\r\n" in served.head and served.budget.refusals == 1
    await until(lambda: served.budget.held == 0)
    assert (await served.ask(["a"], [1, 1]))[0] == 200


async def test_many_are_not_even_counted_on_the_loop(tmp_path: Path) -> None:
    served = Served(tmp_path)
    few, many = made(strings.AT_ONCE).reshape(-1, 1), made(strings.AT_ONCE + 1).reshape(-1, 1)
    assert served.scheduled._size({"x": few}) > few.size
    assert served.scheduled._size({"x": many}) == 0
    done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    served.scheduled.submit({"x": many}, len(many), done.set_result)
    assert served.scheduled._running == 1 and not done.done()
    assert (await done)["y"].tolist() == many.tolist()


@pytest.mark.parametrize("shape", [(COUNT, 1), (20, 1000), (2, 10_000)])
async def test_a_model_gets_some_at_a_time_however_wide_a_row_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int]
) -> None:
    served, sizes = Served(tmp_path), []
    run = Model.run

    def seen(self: Model, feeds: Any) -> Any:
        sizes.append(feeds["x"].size)
        return run(self, feeds)

    monkeypatch.setattr(Model, "run", seen)
    words = made().reshape(shape)
    assert served.plane.run({"x": words})["y"].tolist() == words.tolist()
    assert sum(sizes) == COUNT and max(sizes) <= max(strings.AT_ONCE, shape[1])


async def test_there_are_as_many_strings_as_rows_at_most(tmp_path: Path) -> None:
    served = Served(tmp_path, most=10)
    assert (await served.ask(["a"] * 10, [5, 2]))[0] == 200
    status, answer = await served.ask(["a"] * 12, [6, 2])
    assert status == 400
    assert answer["error"] == (
        "input 'x' has 12 strings; at most 10 are taken: ask in several requests"
    )


def test_brackets_in_strings_are_theirs() -> None:
    """Of a list that is read in pieces, some of which have such strings."""
    words = [["a[b", "c]"], ["d", '["']] + [[f"word {n}", "x"] for n in range(COUNT)]
    found = Listed(json.dumps(words).encode()).read("x", "BYTES", [COUNT + 2, 2])
    assert np.reshape(np.array(found, object), (-1, 2)).tolist() == words


def test_what_is_ragged_is_told() -> None:
    words = [["a", "b"]] * COUNT + [["a"], ["b", "c", "d"]]
    with pytest.raises(RequestError, match="ragged"):
        Listed(json.dumps(words).encode()).read("x", "BYTES", [COUNT + 2, 2])
