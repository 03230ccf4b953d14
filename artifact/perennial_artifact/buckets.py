"""Counts by time: exact for a while, then in wider buckets, then forgotten."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]

# What one bucket costs beside its counts.
_OVERHEAD = 200


@dataclass(frozen=True)
class Tier:
    """Buckets of ``seconds``, kept until they are ``kept`` seconds old."""

    seconds: int
    kept: int


class Buckets:
    """Counts of one shape by time, in tiers: each a multiple of the one before, and kept longer.

    A bucket that was read is closed: nothing is added to it any more, though the clock be set back.
    """

    def __init__(self, size: int, tiers: Sequence[Tier]) -> None:
        self._size, self._tiers = size, tiers
        self._counts: list[dict[int, Counts]] = [{} for _ in tiers]  # by number of the bucket
        self._closed = 0

    @property
    def maximum_bytes(self) -> int:
        """What all buckets take together when none is empty."""
        numbers = [tier.kept // tier.seconds + 1 for tier in self._tiers]
        return sum(numbers) * (self._size * np.dtype(np.int64).itemsize + _OVERHEAD)

    def at(self, now: float) -> Counts:
        """Return the counts of the bucket of a moment, to be added to."""
        key = int(max(now, self._closed)) // self._tiers[0].seconds
        counts = self._counts[0].get(key)
        if counts is None:
            self._age(now)
            counts = self._counts[0][key] = np.zeros(self._size, np.int64)
        return counts

    def oldest(self, now: float) -> int:
        """Return from when on, in seconds since 1970, all counts are kept."""
        return self._bound(-1, now)

    def width(self, moment: int, now: float) -> int:
        """Return the seconds that buckets of a moment are wide."""
        for tier, wider in enumerate(self._tiers[1:]):
            if moment >= self._bound(tier, now, wider.seconds):
                return self._tiers[tier].seconds
        return self._tiers[-1].seconds

    def between(self, start: int, end: int, now: float) -> Iterator[tuple[int, int, Counts]]:
        """Yield the start, the width and the counts of each bucket in ``[start, end)``, closed.

        Both are bounds of buckets, as ``width`` tells, and not later than ``now``.
        """
        self._closed = max(self._closed, end)
        self._age(now)
        for tier, buckets in zip(reversed(self._tiers), reversed(self._counts), strict=True):
            for key in sorted(buckets):
                if start <= key * tier.seconds < end:
                    yield key * tier.seconds, tier.seconds, buckets[key]

    def _bound(self, tier: int, now: float, wider: int = 1) -> int:
        """Return from when on a tier holds all counts, on a bound of the wider ones after it."""
        return max(0, int(now) - self._tiers[tier].kept) // wider * wider

    def _age(self, now: float) -> None:
        """Put old buckets together, and drop the oldest."""
        for n, (tier, wider) in enumerate(zip(self._tiers, self._tiers[1:], strict=False)):
            bound = self._bound(n, now, wider.seconds)
            for key in [k for k in self._counts[n] if k * tier.seconds < bound]:
                counts = self._counts[n].pop(key)
                after = key * tier.seconds // wider.seconds
                before = self._counts[n + 1].get(after)
                self._counts[n + 1][after] = counts if before is None else before + counts
        last, oldest = self._tiers[-1], self.oldest(now)
        for key in [k for k in self._counts[-1] if (k + 1) * last.seconds <= oldest]:
            del self._counts[-1][key]
