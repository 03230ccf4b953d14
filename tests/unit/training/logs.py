"""Request logs as the serving pods write them: real Parquet files in a directory."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

BEGAN = datetime(2026, 1, 1, 12, tzinfo=UTC)
MOMENT = pa.timestamp("us", tz="UTC")


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def request(id: str, seconds: float, row: int = 0, **inputs: Any) -> dict[str, Any]:
    given = {f"input.{name}": value for name, value in inputs.items()}
    answer = {"output.label": 1, "output.probabilities": [0.4, 0.6]}
    line = {"id": id, "row": row, "time": at(seconds), "model": "m", "version": "1"}
    return {**line, "trace_id": None, **given, **answer}


def label(id: str, seconds: float, text: str | None, row: int = 0) -> dict[str, Any]:
    reward = None if text is not None else 1.0
    return {"id": id, "row": row, "time": at(seconds), "label": text, "reward": reward}


def write(log: Path, part: str, lines: Sequence[dict[str, Any]], name: str = "a") -> Path:
    """Write one file of ``requests`` or ``feedback``."""
    known = {"id": pa.string(), "row": pa.int32(), "time": MOMENT}
    if part == "feedback":
        known |= {"label": pa.string(), "reward": pa.float64()}
    else:
        known |= {"trace_id": pa.string(), "output.probabilities": pa.list_(pa.float32())}
    names = lines[0].keys()
    columns = {n: pa.array([line[n] for line in lines], known.get(n)) for n in names}
    path = log / part / f"{lines[0]['time']:%Y-%m-%d}" / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path
