"""Whether a model answers each row by itself, whatever other rows come along."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial_artifact.manifest import Tensor
from perennial_serving.model.datatypes import DTYPES, Arrays
from perennial_serving.model.loaded import Model

ROWS = 4
# Other company: each row several times, in another order.
_TIMES = 8
# Sums of many numbers differ a little by how many rows are multiplied at once.
_TOLERANCE, _COARSE = 1e-3, 1e-2
_LETTERS = np.array(list("abcdefgh"))


def is_rowwise(model: Model) -> bool:
    """Run a few made-up rows alone and together; tell whether they get the same answers.

    A model that fails on them, or answers the same row differently twice, is not proven to.
    """
    return any(_proves(model, simple) for simple in (False, True))


def _proves(model: Model, simple: bool) -> bool:
    feeds = {t.name: _values(t, n, simple) for n, t in enumerate(model.inputs)}
    order = np.tile(np.arange(ROWS)[::-1], _TIMES)
    try:
        alone = [model.run(_rows(feeds, [n])) for n in range(ROWS)]
        for rows in (np.arange(ROWS), order):
            together = model.run(_rows(feeds, rows))
            for n, values in enumerate(together):
                if len(values) != len(rows):
                    return False
                expected = np.concatenate([alone[row][n] for row in rows])
                if not _same(np.asarray(values), expected):
                    return False
    except Exception:
        return False
    return True


def _rows(feeds: Arrays, rows: Any) -> Arrays:
    return {name: values[rows] for name, values in feeds.items()}


def _values(tensor: Tensor, number: int, simple: bool) -> NDArray[Any]:
    """Return rows that differ; ``simple`` ones are of 0 and 1, or of letters."""
    shape = [ROWS, *(1 if size < 0 else size for size in tensor.shape[1:])]
    dtype = DTYPES[tensor.datatype]
    # As if at random; numpy's own generators take megabytes and tens of milliseconds to import.
    mixed = (np.arange(math.prod(shape)) + 31 * number + 1) * 7919 % 101
    if tensor.datatype == "BYTES":
        letters: NDArray[Any] = _LETTERS[mixed % len(_LETTERS)].astype(object).reshape(shape)
        return letters
    values = mixed.reshape(shape)
    if simple or dtype.kind != "f":
        return (values % (2 if simple or dtype.kind == "b" else 8)).astype(dtype)
    scale = np.array([1.0, 10.0, 100.0, 0.1]).reshape(-1, *[1] * (len(shape) - 1))
    numbers: NDArray[Any] = ((values - 50) / 17 * scale).astype(dtype)
    return numbers


def _same(found: NDArray[Any], expected: NDArray[Any]) -> bool:
    if found.shape != expected.shape:
        return False
    if found.dtype.kind != "f":
        return bool(np.array_equal(found, expected))
    tolerance = _COARSE if found.dtype == np.float16 else _TOLERANCE
    finite = np.abs(expected[np.isfinite(expected)])
    slack = tolerance * float(finite.max(initial=0.0))
    return bool(np.allclose(found, expected, rtol=tolerance, atol=slack, equal_nan=True))
