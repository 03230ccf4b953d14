"""Servers compared in pairs: so short turns, so many of them, that all meet the same neighbours."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

CERTAINTY = 0.95


@dataclass(frozen=True)
class Ratio:
    """A median of ratios, and between what it lies."""

    median: float
    low: float
    high: float

    def within(self, limit: float) -> str:
        """Tell whether it is shown to keep to a limit, shown not to, or neither."""
        return "met" if self.high <= limit else "not met" if self.low > limit else "not shown"


def ratio(values: Sequence[float]) -> Ratio:
    """Return the median of independent ratios, with its interval by the sign test.

    It holds for whatever distribution: the true median lies outside of the k smallest and the k
    largest of n values as often as n coins fall at most k - 1 times on one side, twice. Of fewer
    than six values no interval is sure enough; that of all is given.
    """
    found, n = sorted(values), len(values)
    left, k = (1 - CERTAINTY) / 2 * 2**n, 0
    while (left := left - math.comb(n, k)) >= 0:
        k += 1
    k = max(k, 1)
    return Ratio(median(found), found[k - 1], found[n - k])


def turns(
    costs: Mapping[str, Callable[[], float]], blocks: int, order: random.Random
) -> dict[str, float]:
    """Return what each of some servers costs relative to the first: the median of the blocks.

    In a block each has its turn in some order, then again in the opposite one, so that a drift of
    the machine in this time falls on all of them alike.
    """
    names = list(costs)
    found: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(blocks):
        there = order.sample(names, len(names))
        total = dict.fromkeys(names, 0.0)
        for name in (*there, *reversed(there)):
            total[name] += costs[name]()
        for name in names:
            found[name].append(total[name] / total[names[0]])
    return {name: median(values) for name, values in found.items()}
