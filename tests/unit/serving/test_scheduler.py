"""What runs together, on a real loop with a real model."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper
from onnx_models import DATATYPES, doubling, save

from perennial_serving.evidence.metrics import Metrics
from perennial_serving.execution import scheduler
from perennial_serving.execution.dataplane import DataPlane
from perennial_serving.model.loaded import load


async def test_a_batch_takes_along_what_comes_while_it_is_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "TURN_SECONDS", 60.0)  # however busy the machine is
    plane = DataPlane(load(doubling(tmp_path), "m", "1"), Metrics("m", "1"))
    plane.seconds_per_row = 1e-6
    scheduled, answers = scheduler.Scheduler(plane, 8, 1), []
    scheduled._quick_size = 8

    def submit(value: float) -> None:
        rows: Any = np.full((1, 1), value, np.float32)
        scheduled.submit({"x": rows}, 1, answers.append)

    loop = asyncio.get_running_loop()
    submit(1.0)
    submit(2.0)
    loop.call_soon(submit, 3.0)  # after the end of the turn that brought the others
    for _ in range(8):
        await asyncio.sleep(0)
    assert [float(next(iter(a.values()))[0, 0]) for a in answers] == [2.0, 4.0, 6.0]
    labels = {"model": "m", "version": "1"}
    told = [
        plane.metrics.registry.get_sample_value(f"perennial_serving_batch_rows_{name}", labels)
        for name in ("count", "sum")
    ]
    assert told == [1.0, 3.0]


class Asked:
    """Requests one after another, and whether each was answered at once, on the event loop."""

    def __init__(self, directory: Path, seconds_per_row: float = 1e-9) -> None:
        plane = DataPlane(load(directory, "m", "1"), Metrics("m", "1"))
        plane.seconds_per_row = seconds_per_row
        self.scheduled = scheduler.Scheduler(plane, 0, 1)

    async def at_once(self, values: Any) -> bool:
        answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.scheduled.submit({"x": values}, len(values), answered.set_result)
        found = answered.done()
        await answered
        return found


def rows(count: int) -> Any:
    return np.ones((count, 1), np.float32)


@pytest.fixture
def calm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is quick, however busy the machine is."""
    monkeypatch.setattr(scheduler, "TURN_SECONDS", 60.0)
    monkeypatch.setattr(scheduler, "INLINE_SECONDS", 60.0)
    monkeypatch.setattr(scheduler, "SURPRISE_SECONDS", 60.0)


async def test_a_model_that_did_not_run_at_load_shows_first_what_it_takes(
    tmp_path: Path, calm: None
) -> None:
    asked = Asked(doubling(tmp_path), seconds_per_row=0.0)
    assert [await asked.at_once(rows(1)) for _ in range(3)] == [False, True, True]


async def test_what_is_much_larger_than_all_before_runs_on_a_thread_first(
    tmp_path: Path, calm: None
) -> None:
    asked = Asked(doubling(tmp_path))
    sizes = [1, 2, 4, 100, 100, 200, 1000, 3]
    found = [await asked.at_once(rows(size)) for size in sizes]
    assert found == [True, True, True, False, True, True, False, True]


async def test_what_fails_shows_nothing(tmp_path: Path, calm: None) -> None:
    asked = Asked(doubling(tmp_path))
    failing = np.full((100, 1), 13.0, np.float32)
    assert not await asked.at_once(failing)
    assert not await asked.at_once(rows(100))
    assert await asked.at_once(rows(100))


async def test_what_was_slow_on_a_thread_stays_there(
    tmp_path: Path, calm: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(doubling(tmp_path))
    monkeypatch.setattr(scheduler, "TURN_SECONDS", 0.0)
    assert not await asked.at_once(rows(100))
    assert not await asked.at_once(rows(100))


@pytest.mark.parametrize(
    ("datatype", "shape", "small", "large"),
    [
        ("FP32", ["n", "m"], np.ones((1, 1), np.float32), np.ones((1, 5000), np.float32)),
        ("BYTES", ["n", 1], np.array([["a"]], object), np.array([["a" * 5000]], object)),
    ],
)
async def test_a_row_may_be_larger_than_another(
    tmp_path: Path, calm: None, datatype: str, shape: list[Any], small: Any, large: Any
) -> None:
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    kind = DATATYPES[datatype][0]
    sides = [[helper.make_tensor_value_info(name, kind, shape)] for name in "xy"]
    asked = Asked(save(nodes, *sides, tmp_path))
    await asked.at_once(small)
    assert await asked.at_once(small)
    assert not await asked.at_once(large)
    assert await asked.at_once(large)
