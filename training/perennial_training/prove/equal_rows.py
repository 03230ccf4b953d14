"""Which rows are equal in all features, as the model takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perennial_training.prove.labels import texts


def times_each(columns: Mapping[str, Any], numbers: frozenset[str]) -> NDArray[np.int64]:
    """Return of each row how many rows are equal to it, itself among them, shape [n].

    Rows are told apart by 64 bits of a hash: of a million, two different ones are taken for equal
    with a chance of 3 in 100 million.

    Args:
        columns: the values of each feature, shape [n].
        numbers: features that are numbers; a model takes them in single precision.
    """
    same = pd.DataFrame(
        {
            name: _single(values) if name in numbers else texts(np.asarray(values, dtype=object))
            for name, values in columns.items()
        }
    )
    hashes = pd.util.hash_pandas_object(same, index=False).to_numpy()
    _, inverse, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    found: NDArray[np.int64] = counts[inverse]
    return found


def occurrences_of(times: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return how many distinct rows occur how often, of how many are equal to each row."""
    rows = np.bincount(times)
    return [(int(n), int(rows[n]) // int(n)) for n in np.flatnonzero(rows)]


def _single(values: Any) -> NDArray[np.float32]:
    numbers = pd.to_numeric(pd.Series(values), errors="coerce").to_numpy(dtype=np.float64)
    with np.errstate(over="ignore"):
        # 0 is added, as -0 has other bits than 0.
        found: NDArray[np.float32] = numbers.astype(np.float32) + np.float32(0)
    return found
