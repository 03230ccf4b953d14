"""Intervals that cover what they claim to."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Interval = tuple[float, float] | None
"""Its ends; None where the rows do not give one."""

_TAIL = 10
"""Fewer resamples than these beyond an end say little about where it is."""
_STEEPEST = 0.95


def confidence_of_best(candidates: int) -> float:
    """Return what the interval of each of some candidates must cover for the best one's to hold.

    All of them cover the truth at once with 95 % at least (Bonferroni), and so does the winner's.
    """
    return 1 - 0.05 / max(candidates, 1)


def wilson(right: int, rows: int, confidence: float) -> Interval:
    """Return the score interval of a share, right of rows (Wilson 1927); None of no rows."""
    from scipy.stats import binomtest

    if rows == 0:
        return None
    found = binomtest(right, rows).proportion_ci(confidence, method="wilson")
    return float(found.low), float(found.high)


def bca(
    estimate: float,
    resampled: NDArray[np.float64],
    jackknife: NDArray[np.float64],
    confidence: float,
    rows: int,
) -> Interval:
    """Return the bias-corrected and accelerated bootstrap interval (Efron 1987).

    It is as much wider as Student's is than the normal one, since of few rows the bootstrap knows
    the spread no better than any other way does (Hesterberg 2015, the expanded interval).

    Args:
        estimate: the statistic of all rows.
        resampled: of each resample; NaN where it has no value there.
        jackknife: of the rows without a block of them, for each block; NaN likewise.
        confidence: what the interval is to cover, such as 0.95.
        rows: how many rows the spread is known from.

    Returns:
        None where fewer than half of the resamples have a value, or all have the same: that would
        be a certainty that so few rows do not give.
    """
    from scipy.special import ndtr, ndtri, stdtrit

    known = np.sort(resampled[np.isfinite(resampled)])
    if known.size < max(2, resampled.size / 2) or known[0] == known[-1]:
        return None
    below, upto = np.searchsorted(known, [estimate, estimate], side="left"), known.size
    below[1] = np.searchsorted(known, estimate, side="right")
    # Half of what is equal to the estimate is below it: many metrics take few values.
    share = (below[0] + below[1]) / 2 / upto
    bias = float(ndtri(min(max(share, 1 / (upto + 1)), upto / (upto + 1))))
    speed = acceleration(jackknife)
    ends = []
    for tail in ((1 - confidence) / 2, (1 + confidence) / 2):
        z = bias + math.sqrt(rows / (rows - 1)) * float(stdtrit(rows - 1, tail))
        steep = min(speed * z, _STEEPEST)
        ends.append(_quantile(known, float(ndtr(bias + z / (1 - steep)))))
    # A strong bias can leave the estimate outside, which nobody would understand.
    return min(ends[0], estimate), max(ends[1], estimate)


def acceleration(jackknife: NDArray[np.float64]) -> float:
    """Return how fast the standard error changes with the statistic (Efron 1987, 6.6).

    A sixth of the skewness of the rows' influences over their root sum of squares; blocks of rows
    may stand for rows, as third and second moments of sums of independent ones add up.
    """
    known = jackknife[np.isfinite(jackknife)]
    if known.size < 2:
        return 0.0
    influence = known.mean() - known
    spread = float((influence**2).sum())
    if spread <= np.finfo(float).tiny:
        return 0.0
    return float((influence**3).sum() / (6 * spread**1.5))


def shrunk(interval: Interval, estimate: float, ratio: float) -> Interval:
    """Return an interval of a smaller sample's statistic for all rows.

    Its width goes with the root of the number of rows (Bickel, Gotze and van Zwet 1997).
    """
    if interval is None:
        return None
    low, high = interval
    return estimate + (low - estimate) * ratio, estimate + (high - estimate) * ratio


def within(interval: Interval, name: str) -> Interval:
    """Return an interval without what a metric cannot be."""
    if interval is None or any(not math.isfinite(end) for end in interval):
        return None
    low, high = interval
    best = 0.0 if name.startswith("neg_") else math.inf if "likelihood" in name else 1.0
    return low, min(high, best)


def _quantile(ordered: NDArray[np.float64], level: float) -> float:
    """Return a quantile; beyond the outermost resamples the tail is taken for a normal one."""
    from scipy.special import ndtri

    outermost = _TAIL / ordered.size
    inside = min(max(level, outermost), 1 - outermost)
    found: Any = np.quantile(ordered, inside)
    if inside == level or outermost >= 0.5:
        return float(found)
    level = min(max(level, 1e-12), 1 - 1e-12)
    middle = np.quantile(ordered, 0.5)
    return float(middle + (found - middle) * ndtri(level) / ndtri(inside))
