"""Counts of live traffic on a profile's bins, in time buckets."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from perennial_artifact.buckets import Buckets, Counts, Tier
from perennial_artifact.profile import FeatureProfile, Profile
from perennial_artifact.windows import Column

# The bounds of a numeric column; its edges come last.
_ALL, _LOW, _ABOVE, _EDGES = 0, 1, 2, 3
# Rows that are counted in one go; eight are added up at once, each in a byte that holds up to 255.
AT_ONCE, _LANES = 512, 8
_SUM = np.ones(_LANES, np.float32)

# Windows longer than an hour are exact to a minute only, so that a day of counts stays small.
TIERS = (Tier(5, 3_600), Tier(60, 86_400))


class Sketch:
    """Feature and prediction counts of one served model; memory is bounded by the retention.

    Not thread-safe: observe and between belong to one thread.
    """

    def __init__(self, profile: Profile) -> None:
        # What is counted now needs no reference: of a thousand features its hours are 12 MB.
        self._columns = [p.replace(hours=[]) for p in (*profile.features, *profile.predictions)]
        self._features = len(profile.features)
        self.numeric = [i for i, c in enumerate(self._columns) if c.kind == "Numeric"]
        """Indices, into features and then predictions, of those that are numbers."""
        self.categorical = [i for i, c in enumerate(self._columns) if c.kind == "Categorical"]
        """Indices of those that are categories."""
        self._numbers = _Numbers([self._columns[i] for i in self.numeric])
        self._categories = [_Categories(self._columns[i].categories) for i in self.categorical]
        # The rows come first.
        sizes = [1, self._numbers.size, *(c.size for c in self._categories)]
        self._ends = np.cumsum(sizes).tolist()
        size, width = self._ends[-1], len(self.numeric)
        self._ranges: Buckets[_Ranges] = Buckets(lambda: _Ranges(width), 16 * width, TIERS)
        self.buckets = Buckets.of_counts(size, TIERS)

    @property
    def maximum_bytes(self) -> int:
        """What all buckets take together when none is empty."""
        return self.buckets.maximum_bytes + self._ranges.maximum_bytes

    def observe(
        self, numbers: NDArray[Any], categories: Sequence[NDArray[Any]], rows: int, now: float
    ) -> None:
        """Count rows.

        Args:
            numbers: shape [rows, len(self.numeric)].
            categories: an array of ``rows`` strings for each of ``self.categorical``.
            rows: their number.
            now: seconds since the epoch.
        """
        counted, ours, *parts = self._parts(self.buckets.at(now))
        counted += rows
        if self.numeric:
            self._numbers.count(numbers, ours, self._ranges.at(now))
        for column, values, part in zip(self._categories, categories, parts, strict=True):
            column.count(values, part)

    def between(self, start: int, end: int, now: float) -> tuple[int, list[Column], list[Column]]:
        """Return rows, features and predictions of ``[start, end)``, bounds of closed buckets."""
        total = np.zeros(self._ends[-1], dtype=np.int64)
        for _, _, counts in self.buckets.between(start, end, now):
            total += counts
        ranges = _Ranges(len(self.numeric))
        for _, _, seen in self._ranges.between(start, end, now):
            ranges += seen
        (rows,), numbers, *rest = self._parts(total)
        told = self._numbers.told(numbers, int(rows), ranges.constants())
        found = dict(zip(self.numeric, told, strict=True))
        for i, column, part in zip(self.categorical, self._categories, rest, strict=True):
            found[i] = column.told(part)
        columns = [found[i] for i in range(len(self._columns))]
        return int(rows), columns[: self._features], columns[self._features :]

    def _parts(self, counts: Counts) -> list[Counts]:
        """Return the rows, the numeric columns' counts, and those of each column of categories."""
        return np.split(counts, self._ends[:-1])


class _Ranges:
    """The smallest and the largest number of each numeric column: if they are one, all are."""

    __slots__ = ("high", "low")

    def __init__(self, columns: int) -> None:
        self.low = np.full(columns, np.nan)  # of no number
        self.high = np.full(columns, np.nan)

    def see(self, values: NDArray[Any]) -> None:
        """Take values of shape [columns, rows], NaN where there is none."""
        self.low = np.fmin(self.low, np.fmin.reduce(values, axis=1))
        self.high = np.fmax(self.high, np.fmax.reduce(values, axis=1))

    def __add__(self, other: Self, /) -> Self:
        """Return the ranges of both."""
        found = type(self)(len(self.low))
        found.low, found.high = np.fmin(self.low, other.low), np.fmax(self.high, other.high)
        return found

    def constants(self) -> list[float | None]:
        """Return the number that all of a column were, None where they were not one."""
        pairs = zip(self.low.tolist(), self.high.tolist(), strict=True)
        return [low if low == high and math.isfinite(low) else None for low, high in pairs]


class _Numbers:
    """Counts of many numeric columns at once.

    What is counted of a column is how many of its values reach some bound: minus infinity, which
    all but a missing one do, the minimum, what lies just above the maximum, and the edges.
    """

    def __init__(self, columns: Sequence[FeatureProfile]) -> None:
        self._edges = [len(c.edges) for c in columns]
        # No number reaches NaN, so bounds that are not there count nothing.
        bounds = np.full((_EDGES + max(self._edges, default=0), len(columns)), np.nan)
        bounds[_ALL] = bounds[_LOW] = -np.inf
        for i, column in enumerate(columns):
            bounds[_EDGES : _EDGES + len(column.edges), i] = column.edges
            if column.minimum is not None:
                bounds[_LOW, i] = column.minimum
        high = np.array([np.nan if c.maximum is None else c.maximum for c in columns])
        # Half the bytes for what most models take, with the same counts.
        self._single, self._double = rounded(bounds, np.inf), bounds
        with np.errstate(over="ignore"):  # above the largest number is infinity
            self._single[_ABOVE] = np.nextafter(rounded(high, -np.inf), np.float32(np.inf))
            self._double[_ABOVE] = np.nextafter(high, np.inf)
        self.size = bounds.size
        # Allocated once: so much memory at once would come from the kernel, and go back to it.
        self._reached = np.empty((*bounds.shape, AT_ONCE), np.bool_)

    def count(self, values: NDArray[Any], into: Counts, ranges: _Ranges) -> None:
        """Add values of shape [rows, columns]."""
        if values.dtype != np.float32:
            values = values.astype(np.float64, copy=False)
        bounds = self._single if values.dtype == np.float32 else self._double
        for first in range(0, len(values), AT_ONCE):
            part = values[first : first + AT_ONCE]
            size = -(-len(part) // _LANES) * _LANES
            rows = np.full((bounds.shape[1], size), np.nan, bounds.dtype)  # NaN reaches nothing
            rows[:, : len(part)] = part.T
            ranges.see(rows)
            reached = self._reached[:, :, :size]
            np.greater_equal(rows, bounds[:, :, None], out=reached)
            lanes = reached.view(np.uint64).sum(axis=2)
            into += (lanes.view(np.uint8).reshape(-1, _LANES) @ _SUM).astype(np.int64)

    def told(
        self, counts: Counts, rows: int, constants: Sequence[float | None]
    ) -> Iterator[Column]:
        """Yield what a window says of each column, of which there were ``rows`` values."""
        reached = counts.reshape(self._double.shape).T.tolist()
        for edges, cells, constant in zip(self._edges, reached, constants, strict=True):
            numbers, low, above, *beyond = cells
            steps = [numbers, *beyond[:edges], 0]
            bins = [a - b for a, b in pairwise(steps)]
            outside = numbers - low + above
            yield Column(bins, 0, rows - numbers, outside, constant if numbers else None)


class _Categories:
    """Counts of one column of categories: each listed one, then all others, then the missing."""

    def __init__(self, categories: Sequence[str]) -> None:
        self._index = {category: n for n, category in enumerate(categories)}
        self.size = len(categories) + 2

    def count(self, values: NDArray[Any], into: Counts) -> None:
        """Add strings."""
        for value, count in Counter(values.ravel().tolist()).items():
            text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
            into[-1 if text == "" else self._index.get(text, -2)] += count

    def told(self, counts: Counts) -> Column:
        """Return what a window says of the column."""
        *known, other, missing = counts.tolist()
        return Column(known, other, missing, out_of_range=0)


def rounded(bounds: NDArray[np.float64], towards: float) -> NDArray[np.float32]:
    """Return the nearest single-precision numbers on one side of double-precision ones.

    For a single-precision x, x >= bound is x >= (bound rounded up), and x > bound is x > (bound
    rounded down).
    """
    with np.errstate(over="ignore"):
        found = bounds.astype(np.float32)
    wrong = found < bounds if towards > 0 else found > bounds
    return np.where(wrong, np.nextafter(found, np.float32(towards)), found)
