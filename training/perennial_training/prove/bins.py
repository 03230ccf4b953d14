"""Where the bins of a numeric column end."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 10
_FEW = 2


def bin_edges(values: NDArray[Any], bins: int = BINS) -> list[float]:
    """Return the edges of up to ``bins`` bins that hold as equal numbers as ties allow.

    The distinct values are walked upwards. A bin is to hold the rows left over the bins left; it is
    closed before a value where it holds as many, or where taking the value in would overshoot by
    more than stopping falls short. Its edge is that value, the first one of the next bin.

    Quantiles are not enough: of a flag with 5 % ones they are all 0, and one bin is left.

    Args:
        values: finite numbers, shape [n].
        bins: at most so many.
    """
    distinct, counts = np.unique(values, return_counts=True)
    upto = np.cumsum(counts)
    edges: list[float] = []
    first, left = 0, int(values.size)
    for remaining in range(bins, 1, -1):
        before = int(values.size) - left
        # What a bin would hold without a value and with it: it is closed before the first value
        # where the middle of the two is above the target, which holds in both cases above.
        doubled = upto[first:-1] + upto[first + 1 :] - 2 * before
        step = int(np.searchsorted(doubled * remaining, 2 * left, side="right"))
        if step == doubled.size:
            break
        first += step + 1
        edges.append(float(distinct[first]))
        left = int(values.size) - int(upto[first - 1])
    return edges


def guarded_edges(values: NDArray[Any], bins: int = BINS) -> list[float]:
    """Return ``bin_edges``, and edges around each value of a column of one or two of them.

    Such a column, a constant or a flag, can hold another value only because something has changed,
    and without edges right below and right above it a bin would take that in. The bins between are
    empty: [0, n, 0] of a constant.

    Args:
        values: finite numbers that single precision has, as a model takes them, shape [n].
        bins: at most so many where there are more than two values.
    """
    distinct = np.unique(values) + 0.0  # no -0.0
    if distinct.size > _FEW:
        return bin_edges(values, bins)
    with np.errstate(over="ignore", under="ignore"):
        above = np.nextafter(distinct.astype(np.float32), np.float32(np.inf)).astype(np.float64)
    edges = np.union1d(distinct, above[np.isfinite(above)])
    return [float(edge) for edge in edges]
