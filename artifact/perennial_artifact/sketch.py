"""Counts of live traffic on a profile's bins, in time buckets."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial_artifact.profile import FeatureProfile, Profile
from perennial_artifact.window import FeatureWindow, Window

Counts = NDArray[np.int64]

# A column is a run of counts: its bins, then these three.
_OTHER, _MISSING, _OUT_OF_RANGE, _TAIL = 0, 1, 2, 3

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
        sizes = [len(c.counts) + _TAIL for c in self._columns]
        self._starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self.numeric = [i for i, c in enumerate(self._columns) if c.kind == "Numeric"]
        """Indices, into features and then predictions, of those that are numbers."""
        self.categorical = [i for i, c in enumerate(self._columns) if c.kind == "Categorical"]
        """Indices of those that are categories."""
        self._numbers = _Numbers([self._columns[i] for i in self.numeric])
        self._numeric_starts = self._starts[self.numeric]
        self._index = {
            i: {category: n for n, category in enumerate(self._columns[i].categories)}
            for i in self.categorical
        }
        self._fine: dict[int, tuple[int, Counts]] = {}
        self._coarse: dict[int, tuple[int, Counts]] = {}

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
            counts = np.zeros(self._starts[-1], dtype=np.int64)
            self._age(now)
        self._fine[key] = (before + rows, counts)
        if self.numeric:
            self._numbers.count(numbers, self._numeric_starts, counts)
        for i, values in zip(self.categorical, categories, strict=True):
            part = counts[self._starts[i] : self._starts[i + 1]]
            _count_categories(values, self._index[i], part)

    def window(self, seconds: float, now: float) -> Window:
        """Return the counts of the last ``seconds``, to the width of a bucket."""
        total = np.zeros(self._starts[-1], dtype=np.int64)
        samples, start = 0, now
        for buckets, width in ((self._fine, BUCKET_SECONDS), (self._coarse, COARSE_SECONDS)):
            first = int((now - seconds) // width) + 1
            for key, (rows, counts) in buckets.items():
                if key >= first:
                    total += counts
                    samples += rows
                    start = min(start, float(key * width))
        parts = [
            _window(c, total[self._starts[i] : self._starts[i + 1]].tolist())
            for i, c in enumerate(self._columns)
        ]
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
    """Bins of many numeric columns at once."""

    def __init__(self, columns: Sequence[FeatureProfile]) -> None:
        widest = max((len(c.edges) for c in columns), default=0)
        # No number is greater than or equal to NaN, so edges that are not there count nothing.
        edges = np.full((widest, len(columns)), np.nan)
        for i, column in enumerate(columns):
            edges[: len(column.edges), i] = column.edges
        low = np.array([-np.inf if c.minimum is None else c.minimum for c in columns])
        high = np.array([np.inf if c.maximum is None else c.maximum for c in columns])
        self._bins = np.array([len(c.counts) for c in columns], np.int64)
        self._double = edges, low, high
        # Half the bytes for what most models take, with the same bins.
        self._single = _rounded(edges, np.inf), _rounded(low, np.inf), _rounded(high, -np.inf)

    def count(self, values: NDArray[Any], starts: Counts, into: Counts) -> None:
        """Add values of shape [rows, columns]; a column's counts begin at its start."""
        if values.dtype != np.float32:
            values = values.astype(np.float64, copy=False)
        edges, low, high = self._single if values.dtype == np.float32 else self._double
        bins = np.zeros(values.shape, dtype=np.int16)
        for edge in edges:
            bins += values >= edge
        places = bins + starts
        missing = np.isnan(values)
        if missing.any():
            places = np.where(missing, starts + self._bins + _MISSING, places)
        into += np.bincount(places.ravel(), minlength=len(into))
        outside = (values < low) | (values > high)
        if outside.any():
            into[starts + self._bins + _OUT_OF_RANGE] += outside.sum(axis=0)


def _rounded(bounds: NDArray[np.float64], towards: float) -> NDArray[np.float32]:
    """Return the nearest single-precision numbers on one side of double-precision ones.

    For a single-precision x, x >= bound is x >= (bound rounded up), and x > bound is x > (bound
    rounded down).
    """
    with np.errstate(over="ignore"):
        found = bounds.astype(np.float32)
    wrong = found < bounds if towards > 0 else found > bounds
    return np.where(wrong, np.nextafter(found, np.float32(towards)), found)


def _count_categories(values: NDArray[Any], index: Mapping[str, int], into: Counts) -> None:
    bins = len(into) - _TAIL
    for value, count in Counter(values.ravel().tolist()).items():
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        known = index.get(text)
        if text == "":
            into[bins + _MISSING] += count
        elif known is not None:
            into[known] += count
        else:
            into[bins + _OTHER] += count


def _window(column: FeatureProfile, counts: list[int]) -> FeatureWindow:
    bins = len(column.counts)
    return FeatureWindow(
        name=column.name,
        counts=counts[:bins],
        other=counts[bins + _OTHER],
        missing=counts[bins + _MISSING],
        out_of_range=counts[bins + _OUT_OF_RANGE],
    )
