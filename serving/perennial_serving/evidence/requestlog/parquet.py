"""Records of the spool as Parquet."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from arro3.core import Array, DataType, Table, list_array
from arro3.io import write_parquet

from perennial_serving.evidence.requestlog.spool import Feedback, Header, Request
from perennial_serving.model.datatypes import DTYPES

COMPRESSION = "zstd(1)"


def requests(header: Header, found: Sequence[Request]) -> bytes:
    """Return requests of one model version, a row for each of their rows.

    Columns: id, row, time, model, version, trace_id, then the header's own with the tensor's type.
    """
    counts = [r.rows for r in found]
    total = sum(counts)
    ids = [r.id for r in found for _ in range(r.rows)]
    traces = [r.trace_id for r in found for _ in range(r.rows)]
    rows = np.concatenate([np.arange(n, dtype=np.int32) for n in counts])
    columns: dict[str, Any] = {
        "id": _text(ids),
        "row": Array(rows),
        "time": _times(np.repeat([r.time for r in found], counts)),
        "model": _text([header.model] * total),
        "version": _text([header.version] * total),
        "trace_id": _text(traces),
    }
    for n, (name, datatype, wide) in enumerate(header.columns):
        columns[name] = _column([r.columns[n] for r in found], counts, datatype, wide)
    return _file(columns)


def feedback(found: Sequence[Feedback]) -> bytes:
    """Return feedback; columns: id, row, time, label, reward."""
    return _file(
        {
            "id": _text([f.id for f in found]),
            "row": Array(np.array([f.row for f in found], np.int32)),
            "time": _times(np.array([f.time for f in found])),
            "label": _text([f.label for f in found]),
            "reward": Array([f.reward for f in found], type=DataType.float64()),
        }
    )


def _file(columns: dict[str, Any]) -> bytes:
    target = io.BytesIO()
    write_parquet(Table.from_pydict(columns), target, compression=COMPRESSION)
    return target.getvalue()


def _text(values: Sequence[str | None]) -> Any:
    return Array(values, type=DataType.utf8())


def _times(seconds: Any) -> Any:
    microseconds = np.round(np.asarray(seconds) * 1e6).astype(np.int64)
    return Array(microseconds).cast(DataType.timestamp("us", tz="UTC"))


def _column(
    parts: Sequence[bytes | list[str]], counts: Sequence[int], datatype: str, wide: bool
) -> Any:
    if datatype == "BYTES":
        return _text([value for part in parts for value in part if isinstance(value, str)])
    arrays = [np.frombuffer(p, DTYPES[datatype]) for p in parts if isinstance(p, bytes)]
    joined = np.concatenate(arrays)
    if datatype == "BOOL":
        values = Array(joined.tolist(), type=DataType.bool())
    else:  # Parquet has no half precision that all readers know
        values = Array(joined.astype(np.float32) if datatype == "FP16" else joined)
    if not wide:
        return values
    widths = [len(a) // n for a, n in zip(arrays, counts, strict=True)]
    offsets = np.concatenate([[0], np.cumsum(np.repeat(widths, counts))]).astype(np.int32)
    return list_array(Array(offsets), values)
