"""Which rows are drawn again: the same ones for every metric and for every model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from perennial_training.prove.answers import Judged
from perennial_training.prove.statistics import Statistic

SEED = 20130101
RESAMPLES = 1_000
MOST_RESAMPLES = 4_000
"""For the best of many candidates, whose interval ends far out."""
ROWS = 5_000
MOST_ROWS = 20_000
RAREST = 100
"""Of each class about as many are in a resample that is smaller than the rows."""
BLOCKS = 200
_AT_ONCE = 2_000_000


@dataclass(frozen=True)
class Resampling:
    """``count`` times ``size`` of ``rows`` rows, drawn with replacement."""

    rows: int
    size: int
    count: int

    @property
    def shrink(self) -> float:
        """Return how much less all the rows spread than a resample (m out of n bootstrap)."""
        return float(np.sqrt(self.size / self.rows))

    def draws(self) -> Iterator[NDArray[np.int32]]:
        """Yield numbers of rows, shape [some, size], ``count`` in all; the same on each call."""
        rng = np.random.default_rng(SEED)
        some = max(1, _AT_ONCE // self.size)
        for first in range(0, self.count, some):
            shape = (min(some, self.count - first), self.size)
            yield rng.integers(0, self.rows, shape, dtype=np.int32)

    def base(self) -> NDArray[np.int32]:
        """Return the rows that the jackknife starts from, in an order by chance."""
        rng = np.random.default_rng(SEED + 1)
        order: NDArray[np.int32] = rng.permutation(self.rows).astype(np.int32)[: self.size]
        return order

    def without_a_block(self) -> Iterator[NDArray[np.int32]]:
        """Yield ``base`` without a block of it, shape [1, about size], for every block.

        Blocks are of one row where there are few rows, else there are BLOCKS of them: what they
        are for, the skewness of the rows' influence, is a sum over rows and so over blocks, too.
        """
        base = self.base()
        count = self.size if self.size <= 2 * BLOCKS else BLOCKS
        bounds = np.linspace(0, self.size, count + 1).astype(int)
        for first, end in pairwise(bounds):
            yield np.concatenate([base[:first], base[end:]])[None]


def resampling(judged: Judged, confidence: float) -> Resampling:
    """Return how often, and how many rows, are drawn for intervals of a confidence."""
    rows = len(judged)
    size = min(rows, ROWS)
    if judged.classes and rows > ROWS:
        rarest = np.bincount(judged.truth).astype(float)
        wanted = RAREST * rows / max(rarest[rarest > 0].min(), 1.0)
        size = int(min(rows, max(ROWS, min(wanted, MOST_ROWS))))
    count = round(RESAMPLES * 0.05 / (1 - confidence))
    most = max(RESAMPLES, MOST_RESAMPLES * RESAMPLES // 1_000)
    return Resampling(rows, size, max(RESAMPLES, min(count, most)))


def resample(
    plan: Resampling, statistics: Sequence[Statistic]
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return each statistic of every resample, and of the rows without a block, for every block."""
    if not statistics:
        return []
    drawn = [[s(rows) for s in statistics] for rows in plan.draws()]
    without = [[s(rows) for s in statistics] for rows in plan.without_a_block()]
    return [
        (np.concatenate(resampled), np.concatenate(jackknife))
        for resampled, jackknife in zip(
            zip(*drawn, strict=True), zip(*without, strict=True), strict=True
        )
    ]
