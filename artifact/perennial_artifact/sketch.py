"""Counts of live traffic on a profile's bins, in time buckets."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial_artifact.profile import FeatureProfile, Profile
from perennial_artifact.window import FeatureWindow, Window

Counts = NDArray[np.int64]

# The bounds of a numeric column; its edges come last.
_ALL, _LOW, _ABOVE, _EDGES = 0, 1, 2, 3
# Rows that are counted in one go; eight are added up at once, each in a byte that holds up to 255.
AT_ONCE, _LANES = 512, 8
_SUM = np.ones(_LANES, np.float32)

BUCKET_SECONDS = 5
# Windows longer than this are exact to a minute only, so that a day of counts stays small.
FINE_SECONDS = 3_600
COARSE_SECONDS = 60
RETENTION_SECONDS = 86_400


class Sketch:
    """Feature and prediction counts of one served model; memory is bounded by the retention.

    Not thread-safe: observe and window belong to one thread.
    """

    def __init__(self, profile: Profile, digest: str, model: str, version: str) -> None:
        self._digest, self._model, self._version = digest, model, version
        self._columns = [*profile.features, *profile.predictions]
        self._features = len(profile.features)
        self.numeric = [i for i, c in enumerate(self._columns) if c.kind == "Numeric"]
        """Indices, into features and then predictions, of those that are numbers."""
        self.categorical = [i for i, c in enumerate(self._columns) if c.kind == "Categorical"]
        """Indices of those that are categories."""
        self._numbers = _Numbers([self._columns[i] for i in self.numeric])
        self._categories = [_Categories(self._columns[i].categories) for i in self.categorical]
        sizes = [self._numbers.size, *(c.size for c in self._categories)]
        self._ends = np.cumsum(sizes).tolist()
        self._fine: dict[int, tuple[int, Counts]] = {}
        self._coarse: dict[int, tuple[int, Counts]] = {}

    @property
    def maximum_bytes(self) -> int:
        """What the counts of the whole retention take."""
        buckets = FINE_SECONDS // BUCKET_SECONDS + RETENTION_SECONDS // COARSE_SECONDS
        return (buckets + 1) * int(self._ends[-1]) * np.dtype(np.int64).itemsize

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
        key = int(now // BUCKET_SECONDS)
        before, counts = self._fine.get(key, (0, None))
        if counts is None:
            counts = np.zeros(self._ends[-1], dtype=np.int64)
            self._age(now)
        self._fine[key] = (before + rows, counts)
        parts = self._parts(counts)
        if self.numeric:
            self._numbers.count(numbers, parts[0])
        for column, values, part in zip(self._categories, categories, parts[1:], strict=True):
            column.count(values, part)

    def window(self, seconds: float, now: float) -> Window:
        """Return the counts of the last ``seconds``, to the width of a bucket."""
        total = np.zeros(self._ends[-1], dtype=np.int64)
        samples, start = 0, now
        for buckets, width in ((self._fine, BUCKET_SECONDS), (self._coarse, COARSE_SECONDS)):
            first = int((now - seconds) // width) + 1
            for key, (rows, counts) in buckets.items():
                if key >= first:
                    total += counts
                    samples += rows
                    start = min(start, float(key * width))
        numbers, *rest = self._parts(total)
        found = dict(zip(self.numeric, self._numbers.told(numbers, samples), strict=True))
        for i, column, part in zip(self.categorical, self._categories, rest, strict=True):
            found[i] = column.told(part)
        parts = [FeatureWindow(name=c.name, **found[i]) for i, c in enumerate(self._columns)]
        return Window(
            model=self._model,
            version=self._version,
            profile=self._digest,
            start=datetime.fromtimestamp(start, UTC),
            end=datetime.fromtimestamp(now, UTC),
            samples=samples,
            features=parts[: self._features],
            predictions=parts[self._features :],
        )

    def _parts(self, counts: Counts) -> list[Counts]:
        """Return the numeric columns' counts, and those of each column of categories."""
        return np.split(counts, self._ends[:-1])

    def _age(self, now: float) -> None:
        """Put old buckets together, and drop the oldest."""
        for key in [k for k in self._fine if k * BUCKET_SECONDS < now - FINE_SECONDS]:
            rows, counts = self._fine.pop(key)
            minute = key * BUCKET_SECONDS // COARSE_SECONDS
            before, total = self._coarse.get(minute, (0, 0))
            self._coarse[minute] = (before + rows, counts + total)
        oldest = now - RETENTION_SECONDS
        for key in [k for k in self._coarse if k * COARSE_SECONDS < oldest]:
            del self._coarse[key]


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
        self._single, self._double = _rounded(bounds, np.inf), bounds
        with np.errstate(over="ignore"):  # above the largest number is infinity
            self._single[_ABOVE] = np.nextafter(_rounded(high, -np.inf), np.float32(np.inf))
            self._double[_ABOVE] = np.nextafter(high, np.inf)
        self.size = bounds.size
        # Allocated once: so much memory at once would come from the kernel, and go back to it.
        self._reached = np.empty((*bounds.shape, AT_ONCE), np.bool_)

    def count(self, values: NDArray[Any], into: Counts) -> None:
        """Add values of shape [rows, columns]."""
        if values.dtype != np.float32:
            values = values.astype(np.float64, copy=False)
        bounds = self._single if values.dtype == np.float32 else self._double
        for first in range(0, len(values), AT_ONCE):
            part = values[first : first + AT_ONCE]
            size = -(-len(part) // _LANES) * _LANES
            rows = np.full((bounds.shape[1], size), np.nan, bounds.dtype)  # NaN reaches nothing
            rows[:, : len(part)] = part.T
            reached = self._reached[:, :, :size]
            np.greater_equal(rows, bounds[:, :, None], out=reached)
            lanes = reached.view(np.uint64).sum(axis=2)
            into += (lanes.view(np.uint8).reshape(-1, _LANES) @ _SUM).astype(np.int64)

    def told(self, counts: Counts, rows: int) -> Iterator[dict[str, Any]]:
        """Yield what a window says of each column, of which there were ``rows`` values."""
        reached = counts.reshape(self._double.shape).T.tolist()
        for edges, (numbers, low, above, *beyond) in zip(self._edges, reached, strict=True):
            steps = [numbers, *beyond[:edges], 0]
            yield {
                "counts": [a - b for a, b in pairwise(steps)],
                "other": 0,
                "missing": rows - numbers,
                "out_of_range": numbers - low + above,
            }


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

    def told(self, counts: Counts) -> dict[str, Any]:
        """Return what a window says of the column."""
        *known, other, missing = counts.tolist()
        return {"counts": known, "other": other, "missing": missing, "out_of_range": 0}


def _rounded(bounds: NDArray[np.float64], towards: float) -> NDArray[np.float32]:
    """Return the nearest single-precision numbers on one side of double-precision ones.

    For a single-precision x, x >= bound is x >= (bound rounded up), and x > bound is x > (bound
    rounded down).
    """
    with np.errstate(over="ignore"):
        found = bounds.astype(np.float32)
    wrong = found < bounds if towards > 0 else found > bounds
    return np.where(wrong, np.nextafter(found, np.float32(towards)), found)
