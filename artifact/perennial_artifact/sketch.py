"""Counts of live traffic on a profile's bins, in time buckets."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial_artifact.profile import FeatureProfile, Profile
from perennial_artifact.window import FeatureWindow, Window

Values = Mapping[str, NDArray[Any]]
_OTHER, _MISSING, _OUT_OF_RANGE = 0, 1, 2


class _Column:
    """One feature's values as a row of counts: bins, then other, missing, out of range."""

    def __init__(self, profile: FeatureProfile) -> None:
        self.profile = profile
        self.bins = len(profile.counts)
        self.edges = np.asarray(profile.edges, dtype=np.float64)
        self.index = {category: i for i, category in enumerate(profile.categories)}

    def count(self, values: NDArray[Any]) -> NDArray[np.int64]:
        row = np.zeros(self.bins + 3, dtype=np.int64)
        tail = row[self.bins :]
        if self.profile.kind == "Categorical":
            for value in values.ravel().tolist():
                text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
                if text == "":
                    tail[_MISSING] += 1
                elif (i := self.index.get(text)) is not None:
                    row[i] += 1
                else:
                    tail[_OTHER] += 1
            return row
        numbers = values.ravel().astype(np.float64)
        present = numbers[~np.isnan(numbers)]
        tail[_MISSING] = numbers.size - present.size
        np.add.at(row, np.searchsorted(self.edges, present, side="right"), 1)
        low, high = self.profile.minimum, self.profile.maximum
        if low is not None and high is not None:
            tail[_OUT_OF_RANGE] = np.count_nonzero((present < low) | (present > high))
        return row

    def window(self, row: NDArray[np.int64]) -> FeatureWindow:
        tail = row[self.bins :].tolist()
        return FeatureWindow(
            name=self.profile.name,
            counts=row[: self.bins].tolist(),
            other=tail[_OTHER],
            missing=tail[_MISSING],
            out_of_range=tail[_OUT_OF_RANGE],
        )


class Sketch:
    """Feature and prediction counts of one served model; memory is bounded by the retention.

    Not thread-safe: observe and window belong to one thread.
    """

    def __init__(
        self,
        profile: Profile,
        digest: str,
        model: str,
        version: str,
        bucket_seconds: float = 5.0,
        retention_seconds: float = 86_400.0,
    ) -> None:
        self._digest, self._model, self._version = digest, model, version
        self._bucket_seconds, self._retention = bucket_seconds, retention_seconds
        self._features = [_Column(f) for f in profile.features]
        self._predictions = [_Column(f) for f in profile.predictions]
        columns = self._features + self._predictions
        self._ends = np.cumsum([0] + [c.bins + 3 for c in columns]).tolist()
        self._buckets: dict[int, tuple[int, NDArray[np.int64]]] = {}

    def observe(self, inputs: Values, predictions: Values, now: float) -> None:
        """Count rows: arrays of shape [n] or [n, 1] by name; ``now`` in seconds since the epoch."""
        key = int(now // self._bucket_seconds)
        rows, counts = self._buckets.get(key, (0, None))
        if counts is None:
            counts = np.zeros(self._ends[-1], dtype=np.int64)
            oldest = key - int(self._retention // self._bucket_seconds)
            for old in [k for k in self._buckets if k < oldest]:
                del self._buckets[old]
        seen = 0
        columns = [(c, inputs) for c in self._features] + [
            (c, predictions) for c in self._predictions
        ]
        for i, (column, values) in enumerate(columns):
            array = values.get(column.profile.name)
            if array is not None:
                counts[self._ends[i] : self._ends[i + 1]] += column.count(array)
                seen = max(seen, array.shape[0] if array.ndim else 1)
        self._buckets[key] = (rows + seen, counts)

    def window(self, seconds: float, now: float) -> Window:
        """Return the counts of the last ``seconds``, to the width of a bucket."""
        first = int((now - seconds) // self._bucket_seconds) + 1
        chosen = [(k, v) for k, v in self._buckets.items() if k >= first]
        total = np.zeros(self._ends[-1], dtype=np.int64)
        for _, (_, counts) in chosen:
            total += counts
        start = min((k for k, _ in chosen), default=first) * self._bucket_seconds
        parts = [
            c.window(total[self._ends[i] : self._ends[i + 1]])
            for i, c in enumerate(self._features + self._predictions)
        ]
        return Window(
            model=self._model,
            version=self._version,
            profile=self._digest,
            start=datetime.fromtimestamp(start, UTC),
            end=datetime.fromtimestamp(now, UTC),
            samples=sum(rows for _, (rows, _) in chosen),
            features=parts[: len(self._features)],
            predictions=parts[len(self._features) :],
        )
