"""Which rows are drawn again: the same ones for every metric and for every model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perennial_training.prove.answers import Judged
from perennial_training.prove.statistics import Statistic
from perennial_training.seed import SEED

RESAMPLES = 1_000
MOST_RESAMPLES = 4_000
"""For the best of many candidates, whose interval ends far out."""
ROWS = 5_000
MOST_ROWS = 20_000
RAREST = 100
"""Of each class about as many are in a resample that is smaller than the rows."""
BLOCKS = 250
FEWEST = 10
"""A class of fewer rows is not all that a metric's spread comes from."""
_AT_ONCE = 500_000
_PASSES = 200_000_000
"""Rows that one metric goes over in all: seconds."""
_FEWEST_RESAMPLES = 200
"""Their spread is known to a twentieth, which is enough for the mean of very many classes."""


@dataclass(frozen=True)
class Resampling:
    """``count`` times ``size`` of ``rows`` rows, drawn with replacement."""

    rows: int
    size: int
    count: int
    rarest: int
    """How many rows the rarest class has, all of them for numbers; FEWEST at least."""

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
        """Yield the rows without a block of them, shape [some, size less a block], for every block.

        Blocks are single rows where there are few, else there are about BLOCKS of them: what they
        are for, the skewness of the rows' influence, is a sum over rows and so over blocks, too.
        Where less than all rows are drawn the blocks are of as many rows.
        """
        block = -(-self.size // BLOCKS)
        count = self.size // block
        rng = np.random.default_rng(SEED + 1)
        order = rng.permutation(self.rows)[: count * block].astype(np.int32)
        some = max(1, _AT_ONCE // self.size)
        for first in range(0, count, some):
            left_out = np.arange(first, min(first + some, count))[:, None]
            kept = np.arange(count * block) // block != left_out
            all_rows = np.broadcast_to(order, kept.shape)
            yield all_rows[kept].reshape(len(left_out), -1)


def resampling(judged: Judged, confidence: float) -> Resampling:
    """Return how often, and how many rows, are drawn for intervals of a confidence."""
    rows = len(judged)
    size, rarest = min(rows, ROWS), rows
    if judged.classes:
        counts = np.bincount(judged.truth)
        rarest = int(counts[counts > 0].min())
        size = min(rows, max(size, min(-(-RAREST * rows // rarest), MOST_ROWS)))
    count = round(RESAMPLES * 0.05 / (1 - confidence))
    most = max(RESAMPLES, MOST_RESAMPLES * RESAMPLES // 1_000)
    return Resampling(rows, size, max(RESAMPLES, min(count, most)), max(rarest, FEWEST))


def resample(
    plan: Resampling, statistics: Sequence[Statistic]
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return each statistic of the resamples, and of the rows without a block, for every block.

    What takes many passes, such as a curve for each of a hundred classes, has fewer resamples and
    no blocks.
    """
    most = [max(_FEWEST_RESAMPLES, _PASSES // (s.passes * plan.size)) for s in statistics]
    drawn: list[list[NDArray[np.float64]]] = [[] for _ in statistics]
    without: list[list[NDArray[np.float64]]] = [[np.empty(0)] for _ in statistics]
    done = 0
    for rows in plan.draws() if statistics else ():
        for s, many, found in zip(statistics, most, drawn, strict=True):
            if done < many:
                found.append(s(rows[: many - done]))
        done += len(rows)
    for rows in plan.without_a_block() if statistics else ():
        for s, many, found in zip(statistics, most, without, strict=True):
            if many >= plan.count:
                found.append(s(rows))
    return [
        (np.concatenate(resampled), np.concatenate(jackknife))
        for resampled, jackknife in zip(drawn, without, strict=True)
    ]
