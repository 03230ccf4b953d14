"""Which of several arms is best: how likely, whether that is certain, and whether it matters."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import mul

from perennial_statistics.bandit import probability_better
from perennial_statistics.means import half_width, tau_squared
from perennial_statistics.stratified_means import Effects, StratifiedMeans

PLANNED_TIMES = 5
"""Intervals are narrowest at so many times the fewest outcomes of an arm."""
NORMAL_95_ONE_SIDED = 1.6448536269514722


@dataclass(frozen=True)
class Leader:
    """The arm with the highest mean, and what is certain of it at all looks together."""

    arm: int
    beats: frozenset[int]
    """Arms that are certainly worse."""
    best: bool
    """All others are."""
    margin: float
    """With 95 % certainty at this look, its mean is above that of any other arm, but for those
    that it beats, by at most this."""


def probabilities_best(effects: Effects, draws: Iterable[Sequence[float]]) -> dict[int, float]:
    """Return how likely each arm is the best: the normal posterior with a flat prior.

    Two arms need no draws.

    Args:
        effects: what is known of the arms.
        draws: of independent standard normal numbers, one less than arms at least.
    """
    index = effects.arms
    if len(index) == 2:
        p = probability_better(*effects.between(index[1], index[0]))
        return {index[0]: 1 - p, index[1]: p}
    lower = _cholesky([list(row[1:]) for row in effects.covariance[1:]])
    others = list(zip(effects.differences[1:], lower, strict=True))
    won, total = dict.fromkeys(index, 0.0), 0
    for normal in draws:
        total += 1
        found = [0.0, *(d + sum(map(mul, row, normal)) for d, row in others)]
        best = max(found)
        ties = found.count(best)
        if ties == 1:  # as it is but in made-up cases, and there are thousands of draws
            won[index[found.index(best)]] += 1
            continue
        for arm, value in zip(index, found, strict=True):
            won[arm] += (value == best) / ties
    return {arm: n / total for arm, n in won.items()} if total else won


def planned_variance(known: StratifiedMeans, fewest: float) -> float:
    """Return the variance of a difference that intervals are to be narrowest at.

    Args:
        known: of the arms.
        fewest: outcomes of each arm before anything is decided.
    """
    return 2 * known.common_variance / (PLANNED_TIMES * max(1.0, fewest))


def leader(known: StratifiedMeans, effects: Effects, alpha: float, planned: float) -> Leader:
    """Return the arm with the highest mean.

    What is certain holds at all looks together, in all but ``alpha`` of the experiments: the
    normal mixture of Robbins (1970) as in ``means``, split over the other arms.

    Args:
        known: of the arms.
        effects: their differences.
        alpha: chance that an arm is ever found worse than a leader that is not better.
        planned: from ``planned_variance``, fixed before anything is decided; 0: nothing is yet.
    """
    means = known.means(effects)
    first = max(effects.arms, key=lambda a: (means[a], -a))
    others = [a for a in effects.arms if a != first]
    beaten, margin = set(), 0.0
    for other in others:
        above, variance = effects.between(first, other)
        if least_above(effects, first, other, alpha, planned) > 0:
            beaten.add(other)
        elif planned > 0:
            margin = max(margin, above + NORMAL_95_ONE_SIDED * math.sqrt(variance))
        else:  # all values were the same by now, as those that are seldom above 0 are at first
            margin = math.inf
    return Leader(first, frozenset(beaten), len(beaten) == len(others), margin)


def least_above(effects: Effects, a: int, b: int, alpha: float, planned: float) -> float:
    """Return by how much an arm's mean is above another's at least: what ``leader`` goes by.

    It holds at all looks together, beside all other arms, in all but ``alpha`` of the experiments.
    """
    each = alpha / (len(effects.arms) - 1)
    above, variance = effects.between(a, b)
    if variance <= 0:
        return above
    tau = tau_squared(planned, each)
    return above - half_width(variance, tau, each, sides=1) if tau > 0 else -math.inf


def bounds(effects: Effects, a: int, b: int, alpha: float, planned: float) -> tuple[float, float]:
    """Return between what the difference of two arms is, at all looks together.

    A one-sided bound is above the lower of these, so an arm may win while 0 is between them.
    """
    above, variance = effects.between(a, b)
    half = half_width(variance, tau_squared(planned, alpha), alpha) if planned else math.inf
    return above - half, above + half


def _cholesky(matrix: list[list[float]]) -> list[list[float]]:
    """Return the lower triangle whose square is a matrix; what is negative by rounding is 0."""
    size = len(matrix)
    found = [[0.0] * size for _ in range(size)]
    for i in range(size):
        for j in range(i + 1):
            rest = matrix[i][j] - sum(found[i][k] * found[j][k] for k in range(j))
            if i == j:
                found[i][i] = math.sqrt(max(0.0, rest))
            elif found[j][j] > 0:
                found[i][j] = rest / found[j][j]
    return found
