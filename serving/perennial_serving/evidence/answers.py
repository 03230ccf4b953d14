"""Infer requests by the moment of their answer: answered, refused, failed, and how fast."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perennial_artifact.buckets import Buckets, Tier
from perennial_artifact.windows import Bucket, Requests

# Seconds, so that an analysis may look each two; older ones only matter where nobody looked.
TIERS = (Tier(1, 600), Tier(5, 3_600))
_ANSWERED, _REFUSED, _FAILED, _TOOK = range(4)


class AnswerCounts:
    """Counts by second; they belong to one thread."""

    def __init__(self, bounds: Sequence[float]) -> None:
        """Begin to count latency at these upper bounds, in seconds."""
        self._bounds = bounds
        self._size = _TOOK + len(bounds) + 1
        self.buckets = Buckets.of_counts(self._size, TIERS)
        # The second under way is a list, which is quicker to add to than an array.
        self._second, self._open = 0, [0] * self._size

    def answered(self, code: int, bound: int, now: float) -> None:
        """Count one answer: its HTTP status, the first bound that it kept to, when it was given."""
        second = int(now)
        if second != self._second:
            self._close(second)
        counts = self._open
        counts[_ANSWERED if code < 400 else _REFUSED if code < 500 else _FAILED] += 1
        counts[_TOOK + bound] += 1

    def between(self, start: int, end: int, now: float) -> Requests:
        """Return what was counted in ``[start, end)``, bounds of closed buckets."""
        self._close(int(now))
        found = []
        for begin, width, counts in self.buckets.between(start, end, now):
            answered, refused, failed, *took = counts.tolist()
            found.append(Bucket(begin, width, answered, refused, failed, took))
        return Requests(list(self._bounds), found)

    def _close(self, second: int) -> None:
        if any(self._open):
            self.buckets.at(self._second)[:] += np.array(self._open)
            self._open = [0] * self._size
        self._second = second
