"""Counts by time: exact for a while, then in wider buckets, then forgotten."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]

# What one bucket costs beside its counts.
_OVERHEAD = 200


class Addable(Protocol):
    """What is counted in a bucket of time."""

    def __add__(self, other: Self, /) -> Self:
        """Return what is counted in both."""


B = TypeVar("B", bound=Addable)


@dataclass(frozen=True)
class Tier:
    """Buckets of ``seconds``, kept until they are ``kept`` seconds old."""

    seconds: int
    kept: int


class Buckets(Generic[B]):
    """Counts by time, in tiers: each a multiple of the one before, and kept longer.

    A bucket that was read is closed: nothing is added to it any more, though the clock be set back.
    """

    def __init__(self, empty: Callable[[], B], bucket_bytes: int, tiers: Sequence[Tier]) -> None:
        """Begin with empty buckets, which take so many bytes each."""
        self._empty, self._bytes, self._tiers = empty, bucket_bytes, tiers
        self._counts: list[dict[int, B]] = [{} for _ in tiers]  # by number of the bucket
        self._closed = self._dropped = 0

    @classmethod
    def of_counts(cls, size: int, tiers: Sequence[Tier]) -> "Buckets[Counts]":
        """Return buckets of so many counts each."""
        item = np.dtype(np.int64).itemsize
        return Buckets(lambda: np.zeros(size, np.int64), size * item, tiers)

    @property
    def maximum_bytes(self) -> int:
        """What all buckets take together when none is empty."""
        numbers = [tier.kept // tier.seconds + 1 for tier in self._tiers]
        return sum(numbers) * (self._bytes + _OVERHEAD)

    def at(self, now: float) -> B:
        """Return the counts of the bucket of a moment, to be added to."""
        key = int(max(now, self._closed)) // self._tiers[0].seconds
        counts = self._counts[0].get(key)
        if counts is None:
            self._age(now)
            counts = self._counts[0][key] = self._empty()
        return counts

    def all(self) -> Iterator[B]:
        """Yield what is in each bucket."""
        for buckets in self._counts:
            yield from buckets.values()

    def drop_oldest(self) -> B | None:
        """Forget the oldest bucket, for want of room; return it, None where there is but one."""
        if sum(map(len, self._counts)) < 2:
            return None
        for tier, buckets in zip(reversed(self._tiers), reversed(self._counts), strict=True):
            if buckets:
                key = min(buckets)
                self._dropped = max(self._dropped, (key + 1) * tier.seconds)
                return buckets.pop(key)
        return None

    def oldest(self, now: float) -> int:
        """Return from when on, in seconds since 1970, all counts are kept."""
        return max(self._dropped, self._bound(-1, now))

    def width(self, moment: int, now: float) -> int:
        """Return the seconds that buckets of a moment are wide."""
        for tier, wider in enumerate(self._tiers[1:]):
            if moment >= self._bound(tier, now, wider.seconds):
                return self._tiers[tier].seconds
        return self._tiers[-1].seconds

    def between(self, start: int, end: int, now: float) -> Iterator[tuple[int, int, B]]:
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
        last, oldest = self._tiers[-1], self._bound(-1, now)
        for key in [k for k in self._counts[-1] if (k + 1) * last.seconds <= oldest]:
            del self._counts[-1][key]
