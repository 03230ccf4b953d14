"""What runs together, on a real loop with a real model."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_models import doubling

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
