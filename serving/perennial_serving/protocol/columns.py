"""What the inputs of a trained model take besides their tensors: missing values, words for numbers.

Training reads a table's empty cells, booleans and times; clients may write the same here.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial_artifact.manifest import Kind, Tensor
from perennial_serving.model.datatypes import DTYPES
from perennial_serving.system.errors import SHOWN, wrong

ALSO: dict[Kind, str] = {"Boolean": "BOOL", "Time": "BYTES"}
"""The datatype that an input of a kind takes besides its own."""

_NONE = type(None)


def missing(tensor: Tensor, kind: Kind, rows: int) -> NDArray[Any]:
    """Return an input of ``rows`` rows of which no value is known."""
    shape = [rows if size < 0 else size for size in tensor.shape]
    nothing: Any = "" if kind == "Category" else math.nan
    return np.full(shape, nothing, DTYPES[tensor.datatype])


def plain(
    data: list[Any], kinds: set[type], kind: Kind, datatype: str
) -> tuple[list[Any], set[type]] | None:
    """Return values of JSON, and their types, as the model takes them; None where they are."""
    if kind == "Category" and _NONE in kinds:
        return ["" if value is None else value for value in data], kinds - {_NONE} | {str}
    if kind == "Boolean" and bool in kinds:
        data = [float(value) if type(value) is bool else value for value in data]
        return data, kinds - {bool} | {float}
    if kind == "Time" and _NONE in kinds and datatype == ALSO[kind]:
        return ["" if value is None else value for value in data], kinds - {_NONE} | {str}
    return None


def converted(name: str, values: NDArray[Any], kind: Kind) -> NDArray[Any]:
    """Return values of the kind's other datatype as its own.

    Raises:
        RequestError: 400, one is no time.
    """
    if kind == "Boolean":
        return values.astype(np.float32)
    seconds = [_seconds(name, text) for text in values.ravel().tolist()]
    return np.array(seconds, np.float64).reshape(values.shape)


def _seconds(name: str, text: str) -> float:
    """Read a time as RFC 3339, section 5.6, writes it; one without a zone is of UTC."""
    if not text:
        return math.nan
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise wrong(name, "times such as 2026-01-31T12:00:00Z", repr(text[:SHOWN])) from error
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
