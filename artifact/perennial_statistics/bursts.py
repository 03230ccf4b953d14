"""Bursts: errors that come together say less than as many that come alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from perennial_statistics.numbers import as_list, from_list, kept

LOOKS = 20
"""Looks of a block, and looks before which bursts are not known."""
PHI_AT_FIRST = 4.0
"""What is assumed before 20 looks: at 1, errors that come eight at a time failed 22 % of
healthy canaries; at 4, 3 %."""
CLEAR = 2.0
"""Standard deviations by which phi must exceed 1, so that chance costs no power."""


@dataclass(frozen=True)
class Bursts:
    """How much more stable's share varies from look to look than independent requests would.

    phi is Pearson's statistic over its degrees of freedom (Rao & Scott 1981), within blocks of 20
    looks: a share that moves with the hour, or with a step of the traffic, moves for both arms and
    is no burst. 3 + 4 B numbers for B questions.
    """

    looks: float
    block_looks: float
    block_requests: float
    block_events: tuple[float, ...]
    block_squares: tuple[float, ...]
    """Sum of events^2 / requests over the looks of the block that is not full yet."""
    spread: tuple[float, ...]
    """Over full blocks: the sum of squares between looks."""
    expected: tuple[float, ...]
    """What that would be for independent requests."""

    @classmethod
    def none(cls, questions: int) -> "Bursts":
        """Return the record before the first look."""
        zeros = (0.0,) * questions
        return cls(0.0, 0.0, 0.0, zeros, zeros, zeros, zeros)

    def after(self, requests: float, events: Sequence[float]) -> "Bursts":
        """Return the record after one more look; one without requests is none."""
        if not requests:
            return self
        looks, block_looks = self.looks + 1, self.block_looks + 1
        total = self.block_requests + requests
        block = tuple(x + y for x, y in zip(self.block_events, events, strict=True))
        squares = tuple(
            kept(s + y * y / requests) for s, y in zip(self.block_squares, events, strict=True)
        )
        full = Bursts(looks, block_looks, total, block, squares, self.spread, self.expected)
        if block_looks < LOOKS:
            return full
        zeros = (0.0,) * len(block)
        spread, expected = full._sums()
        return Bursts(looks, 0.0, 0.0, zeros, zeros, spread, expected)

    def _sums(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return spread and expected spread with the block that is not full yet."""
        if self.block_looks < 2:
            return self.spread, self.expected
        spread, expected = [], []
        n = self.block_requests
        for i, x in enumerate(self.block_events):
            share = x / n
            between = max(0.0, self.block_squares[i] - x * share)
            spread.append(kept(self.spread[i] + between))
            chance = (self.block_looks - 1) * share * (1 - share)
            expected.append(kept(self.expected[i] + chance))
        return tuple(spread), tuple(expected)

    def phi(self) -> tuple[float, ...]:
        """Return phi for each question; 1 where it is not clearly more."""
        if self.looks < LOOKS:
            return (PHI_AT_FIRST,) * len(self.spread)
        df = self.looks - math.ceil(self.looks / LOOKS)
        limit = 1 + CLEAR * math.sqrt(2 / df)
        ratios = (s / e if e > 0 else 1.0 for s, e in zip(*self._sums(), strict=True))
        return tuple(ratio if ratio > limit else 1.0 for ratio in ratios)

    def to_list(self) -> list[float]:
        """Return 3 + 4 B numbers for JSON."""
        return as_list(
            (
                self.looks,
                self.block_looks,
                self.block_requests,
                *self.block_events,
                *self.block_squares,
                *self.spread,
                *self.expected,
            )
        )

    @classmethod
    def from_list(cls, values: Sequence[float], questions: int) -> "Bursts":
        """Return what ``to_list`` wrote.

        Raises:
            ValueError: it is something else.
        """
        looks, block, requests, *rest = from_list(values, 3 + 4 * questions)
        parts = [tuple(rest[i * questions : (i + 1) * questions]) for i in range(4)]
        return cls(looks, block, requests, *parts)


FEWEST_PAIRS = 8
"""Pairs of looks before which phi is not known."""


def phi_of_neighbours(looks: Sequence[tuple[float, float]], unknown: float = PHI_AT_FIRST) -> float:
    """Return phi by how much looks differ from the next (von Neumann et al. 1941).

    So a share that has moved for good is no burst: it shows in one pair. Bursts that last longer
    than a look are not seen.

    Args:
        looks: rows and events, the oldest first.
        unknown: what is returned where they are too few.
    """
    pairs, total = 0, 0.0
    for (n, x), (m, y) in pairwise([look for look in looks if look[0] > 0]):
        share = (x + y) / (n + m)
        if 0 < share < 1:
            pairs += 1
            total += (x / n - y / m) ** 2 / (share * (1 - share) * (1 / n + 1 / m))
    if pairs < FEWEST_PAIRS:
        return unknown
    phi = total / pairs
    return phi if phi > 1 + CLEAR * math.sqrt(3 / pairs) else 1.0
