"""Intervals: of a share at a planned time, of a share at any time, of a quantile, of a pair."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from perennial_statistics.beta_distribution import beta_quantile, log_beta

NORMAL_95 = 1.959963984540054
PRIOR_STRENGTH = 252.0
HALVINGS = 100


def wilson(right: float, rows: float, z: float = NORMAL_95) -> tuple[float, float]:
    """Return Wilson's interval (1927) of a share; at one planned time only.

    Raises:
        ValueError: there are no rows.
    """
    if rows <= 0:
        raise ValueError("a share of no rows has no interval")
    share, square = right / rows, z * z / rows
    centre = (share + square / 2) / (1 + square)
    half = z * math.sqrt(share * (1 - share) / rows + square / (4 * rows)) / (1 + square)
    low = 0.0 if not right else centre - half
    return low, 1.0 if right == rows else centre + half


def clopper_pearson(right: float, rows: float, alpha: float = 0.05) -> tuple[float, float]:
    """Return the exact interval (Clopper & Pearson 1934) of a share; at one planned time only.

    Raises:
        ValueError: there are no rows.
    """
    if rows <= 0:
        raise ValueError("a share of no rows has no interval")
    wrong = rows - right
    low = beta_quantile(alpha / 2, right, wrong + 1) if right else 0.0
    return low, beta_quantile(1 - alpha / 2, right + 1, wrong) if wrong else 1.0


@dataclass(frozen=True)
class Paired:
    """The difference of two models' accuracy on the same rows."""

    difference: float
    standard_error: float
    p: float


def paired_accuracies(only_first: int, only_second: int, rows: int) -> Paired:
    """Return how much more often the second is right, with McNemar's exact two-sided p (1947).

    Args:
        only_first: rows that only the first has right.
        only_second: rows that only the second has right.
        rows: all rows.

    Raises:
        ValueError: there are no rows.
    """
    if rows <= 0:
        raise ValueError("two models on no rows cannot be compared")
    differing = only_first + only_second
    difference = (only_second - only_first) / rows
    error = math.sqrt(max(0.0, differing / rows - difference**2) / rows)
    fewer = min(only_first, only_second)
    tail = sum(math.comb(differing, k) for k in range(fewer + 1))
    return Paired(difference, error, min(1.0, 2 * tail / 2**differing))


def always_valid_interval(
    events: float,
    requests: float,
    alpha: float,
    prior_mean: float,
    strength: float = PRIOR_STRENGTH,
) -> tuple[float, float]:
    """Return a share's interval that holds at all looks together with 1 - alpha.

    All p with B(a + x, b + n - x) / (B(a, b) p^x (1 - p)^(n - x)) < 1 / alpha, the beta-binomial
    mixture (Robbins 1970; Howard et al., Ann. Stat. 49, 2021); narrowest near ``prior_mean``.

    Args:
        events: x.
        requests: n.
        alpha: chance that the true share is ever outside.
        prior_mean: where the share is expected, such as the limit.
        strength: a + b: the larger, the more requests it is narrow for.
    """
    mean = min(max(prior_mean, 1e-4), 1 - 1e-4)
    a, b = strength * mean, strength * (1 - mean)
    top = log_beta(a + events, b + requests - events) - log_beta(a, b) + math.log(alpha)

    def inside(p: float) -> bool:
        found = events * math.log(p) if events else 0.0
        missed = requests - events
        return top - found - (missed * math.log1p(-p) if missed else 0.0) < 0

    middle = min(max(events / requests, 1e-12), 1 - 1e-12) if requests else mean
    low = 0.0 if not events else _edge(inside, middle, 0.0)
    return low, 1.0 if events == requests else _edge(inside, middle, 1.0)


def _edge(inside: Callable[[float], bool], within: float, beyond: float) -> float:
    for _ in range(HALVINGS):
        p = (within + beyond) / 2
        if p in (within, beyond) or p in (0.0, 1.0):
            break
        if inside(p):
            within = p
        else:
            beyond = p
    return (within + beyond) / 2


def quantile_ranks(
    requests: int, quantile: float, alpha: float, strength: float = PRIOR_STRENGTH
) -> tuple[int, int]:
    """Return the lowest and highest rank that a quantile may have, at all looks together.

    Ranks k with B(a + k, b + n - k) / (B(a, b) q^k (1 - q)^(n - k)) < 1 / alpha
    (Howard & Ramdas, Bernoulli 28, 2022). Rank 0 means below all that was seen.
    """
    a, b = strength * quantile, strength * (1 - quantile)
    base = log_beta(a, b) - math.log(alpha)

    def inside(k: int) -> bool:
        ratio = log_beta(a + k, b + requests - k) - k * math.log(quantile)
        return ratio - (requests - k) * math.log1p(-quantile) < base

    middle = round(quantile * requests)
    low, outside = middle, -1
    while low - outside > 1:
        k = (low + outside) // 2
        low, outside = (k, outside) if inside(k) else (low, k)
    high, outside = middle, requests + 1
    while outside - high > 1:
        k = (high + outside) // 2
        high, outside = (k, outside) if inside(k) else (high, k)
    return low, high


def quantile_interval(
    bounds: Sequence[float], counts: Sequence[float], quantile: float, alpha: float
) -> tuple[float, float]:
    """Return bounds of a latency quantile: of the buckets that hold its lowest and highest rank.

    Args:
        bounds: the buckets' upper bounds, increasing; the last bucket may be without one.
        counts: requests by bucket, not cumulative.
        quantile: such as 0.99.
        alpha: chance that the true quantile is ever outside.
    """
    low, high = quantile_ranks(int(sum(counts)), quantile, alpha)
    cumulative = list(accumulate(counts))
    lower, upper = (0.0, *bounds), (*bounds, math.inf)
    first = next(i for i, n in enumerate(cumulative) if n >= low)
    last = next((i for i, n in enumerate(cumulative) if n >= high), len(counts) - 1)
    return lower[first], upper[last]
