"""Other distances between binned samples. Effects only: no p-value comes from them."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise


@dataclass(frozen=True)
class Bounded:
    """A distance as the bins show it, and bounds of what it may be on the values themselves."""

    value: float
    low: float
    high: float


def jensen_shannon(reference: Sequence[float], window: Sequence[float], base: float = 2) -> float:
    """Return the Jensen-Shannon distance, the root of the divergence (Endres & Schindelin 2003).

    Args:
        reference: K counts.
        window: K counts of the same cells.
        base: of the logarithm; with 2 the distance is at most 1.

    Raises:
        ValueError: the samples have different numbers of cells.
    """
    n, m = float(sum(reference)), float(sum(window))
    if not n or not m:
        return 0.0
    divergence = 0.0
    for r, c in zip(reference, window, strict=True):
        p, q = r / n, c / m
        middle = (p + q) / 2
        divergence += sum(x / 2 * math.log(x / middle) for x in (p, q) if x > 0)
    return math.sqrt(max(0.0, divergence) / math.log(base))


def kolmogorov_smirnov(reference: Sequence[float], window: Sequence[float]) -> Bounded:
    """Return the largest distance of the two distribution functions (Smirnov 1948).

    At the bins' edges it is known, which is a lower bound of that on the values; within bin i it
    is at most max(F_i - G_(i-1), G_i - F_(i-1)).

    Args:
        reference: counts in the order of the bins.
        window: the same of the window.

    Raises:
        ValueError: the samples have different numbers of bins.
    """
    n, m = float(sum(reference)), float(sum(window))
    if not n or not m:
        return Bounded(0.0, 0.0, 0.0)
    f = g = binned = bound = 0.0
    for r, c in zip(reference, window, strict=True):
        f_next, g_next = f + r / n, g + c / m
        bound = max(bound, f_next - g, g_next - f)
        f, g = f_next, g_next
        binned = max(binned, abs(f - g))
    return Bounded(binned, binned, bound)


def wasserstein(
    reference: Sequence[float],
    window: Sequence[float],
    edges: Sequence[float],
    lowest: float,
    highest: float,
    deviation: float,
) -> Bounded:
    """Return the first Wasserstein distance over the reference's standard deviation.

    It is the area between the two distribution functions; within a bin these are taken as straight
    lines. The bounds hold for any values with these counts between ``lowest`` and ``highest``.

    Args:
        reference: K counts in the order of the bins.
        window: K counts of the same bins.
        edges: the K - 1 edges between them, increasing.
        lowest: the lowest value of both samples.
        highest: the highest value of both samples.
        deviation: the reference's standard deviation, by which the distance is divided.

    Raises:
        ValueError: counts and edges do not fit.
    """
    n, m = float(sum(reference)), float(sum(window))
    if len(reference) != len(window) or len(edges) != len(reference) - 1:
        raise ValueError("K bins have K counts and K - 1 edges")
    if not n or not m or not deviation:
        return Bounded(0.0, 0.0, 0.0)
    bounds = (lowest, *edges, highest)
    f = (0.0, *accumulate(x / n for x in reference))
    g = (0.0, *accumulate(x / m for x in window))
    value = low = high = 0.0
    for (left, right), (f0, f1), (g0, g1) in zip(
        pairwise(bounds), pairwise(f), pairwise(g), strict=True
    ):
        width = right - left
        value += width * _mean_distance(f0 - g0, f1 - g1)
        low += width * max(0.0, f0 - g1, g0 - f1)
        high += width * max(f1 - g0, g1 - f0)
    return Bounded(*_divided((value, low, high), deviation))


def _mean_distance(start: float, end: float) -> float:
    """Return the mean of |d| where d goes straight from one value to the other."""
    if start * end >= 0:
        return (abs(start) + abs(end)) / 2
    return (start * start + end * end) / (2 * (abs(start) + abs(end)))


def _divided(values: Iterable[float], by: float) -> Iterable[float]:
    return (value / by for value in values)
