"""Nearest neighbours where several are as near: the first rows count.

On an ordinary table many rows are equally far, and scikit-learn takes those that its search happens
on, so no other program answers as it does. Here the order is defined, and ONNX' TopK has the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import neighbors

NUDGE = 1e-4
"""Share of the squared length of a row that is added to all of its squared distances.

Their order stays as it is, and what is equal but for the rounding of doubles (one part in 10^15 of
the lengths) becomes equal in single precision, however near it is.
"""
AT_ONCE = 10_000_000
"""Distances that are held at a time."""


class _FirstOfEquals:
    """Overrides the search of scikit-learn's classes for euclidean distances."""

    effective_metric_: str
    n_neighbors: int
    _fit_X: NDArray[np.float64]
    _fit_method: str

    def fit(self, rows: Any, target: Any) -> Any:
        """Learn rows of shape [n, features]."""
        super().fit(rows, target)  # type: ignore[misc]
        if self.effective_metric_ == "euclidean" and self._fit_method == "brute":
            self._fit_method = "kd_tree"  # else classes are counted without a search of ours
        return self

    def kneighbors(
        self, rows: Any = None, n_neighbors: int | None = None, return_distance: bool = True
    ) -> Any:
        """Return distances and positions of the nearest training rows, nearest first.

        Raises:
            ValueError: there are fewer training rows than neighbours.
        """
        if rows is None or self.effective_metric_ != "euclidean":
            return super().kneighbors(rows, n_neighbors, return_distance)  # type: ignore[misc]
        known, count = self._fit_X, n_neighbors or self.n_neighbors
        if count > len(known):
            raise ValueError(f"n_neighbors is {count}, and there are {len(known)} rows to learn")
        rows = np.asarray(rows, dtype=np.float64)
        step = max(1, AT_ONCE // len(known))
        pieces = [nearest(rows[i : i + step], known, count) for i in range(0, len(rows), step)]
        found = np.concatenate(pieces)
        if not return_distance:
            return found
        apart = rows[:, None, :] - known[found]
        return np.sqrt((apart**2).sum(axis=2)), found


class KNeighborsClassifier(_FirstOfEquals, neighbors.KNeighborsClassifier):  # type: ignore[misc]
    """scikit-learn's, with a defined order of equals."""


class KNeighborsRegressor(_FirstOfEquals, neighbors.KNeighborsRegressor):  # type: ignore[misc]
    """scikit-learn's, with a defined order of equals."""


def nearest(rows: NDArray[np.float64], known: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Return positions of the nearest known rows, nearest first and then by position."""
    lengths = (1 + NUDGE) * (rows**2).sum(axis=1, keepdims=True)
    squares = rows @ (-2.0 * known.T) + (known**2).sum(axis=1) + lengths
    # The bits of positive floats are in the order of their values.
    bits = np.maximum(squares, 0.0).astype(np.float32).view(np.uint32).astype(np.uint64)
    order = (bits << np.uint64(32)) | np.arange(len(known), dtype=np.uint64)
    first = np.sort(np.partition(order, count - 1, axis=1)[:, :count], axis=1)
    return (first & np.uint64(0xFFFFFFFF)).astype(np.int64)
