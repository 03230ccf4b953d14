"""Which of two arms earns more, and how much traffic each of several gets."""

import math
from collections.abc import Sequence

from perennial_statistics.beta_distribution import beta_lower_tail, log_beta

FLOOR = 0.1
LARGEST_STEP = 0.2
FEWEST_ROWS = 200
"""Rows of each arm that are old enough, before any weight moves."""
INTERVALS = 4_000


def probability_better(difference: float, variance: float) -> float:
    """Return P(canary > stable), the normal posterior of a difference with a flat prior."""
    if variance <= 0:
        return 0.5 if not difference else float(difference > 0)
    return 0.5 * math.erfc(-difference / math.sqrt(2 * variance))


def probability_better_beta(canary: tuple[float, float], stable: tuple[float, float]) -> float:
    """Return P(canary > stable) of two beta posteriors, each (successes, failures) with its prior.

    Simpson's rule over the canary's density. Only for rewards that are all known; late ones need
    ``stratified_difference``.
    """
    a, b = canary
    mean, deviation = a / (a + b), math.sqrt(a * b / (a + b + 1)) / (a + b)
    low, high = max(0.0, mean - 12 * deviation), min(1.0, mean + 12 * deviation)
    step, log_norm = (high - low) / INTERVALS, log_beta(a, b)
    total = 0.0
    for i in range(INTERVALS + 1):
        x = low + i * step
        if not 0 < x < 1:
            continue
        density = math.exp((a - 1) * math.log(x) + (b - 1) * math.log1p(-x) - log_norm)
        weight = 1 if i in (0, INTERVALS) else 4 if i % 2 else 2
        total += weight * density * beta_lower_tail(x, *stable)
    return min(1.0, total * step / 3)


def stratified_difference(
    batches: Sequence[tuple[float, float, float, float]],
) -> tuple[float, float]:
    """Return the difference of reward rates and its variance, batch by batch.

    Weights n_c n_s / (n_c + n_s) (Mantel & Haenszel 1959), the variance from each batch's common
    rate. Pooling over batches would be wrong, for the weight follows the rewards.

    Args:
        batches: canary's requests and rewards, stable's requests and rewards; only requests whose
            reward is due.
    """
    weights = difference = variance = 0.0
    for n, x, m, y in batches:
        if not n or not m:
            continue
        w = n * m / (n + m)
        common = (x + y) / (n + m)
        weights += w
        difference += w * (x / n - y / m)
        variance += w * w * common * (1 - common) * (1 / n + 1 / m)
    if not weights:
        return 0.0, 0.0
    return difference / weights, variance / weights**2


def next_weight(
    before: float, probability: float, floor: float = FLOOR, largest_step: float = LARGEST_STEP
) -> float:
    """Return the canary's share: its probability of being better, kept off both ends, in steps.

    Args:
        before: its share now, 0 to 1.
        probability: of being better.
        floor: the least that either arm keeps.
        largest_step: the most that a batch may move it.
    """
    wanted = min(max(probability, floor), 1 - floor)
    return min(max(wanted, before - largest_step), before + largest_step)


def next_shares(
    before: Sequence[int], probabilities: Sequence[float], least: int, step: int
) -> tuple[int, ...]:
    """Return each arm's share: its probability of being the best, as far as it may move.

    Of two arms it is ``next_weight``, in whole percents. What is below ``least``, after an edit,
    rises to it at once; else no share moves by more than ``step``.

    Args:
        before: the shares now, in percent, with the sum 100.
        probabilities: of each arm's being the best, with the sum 1.
        least: the share that each arm keeps, in percent.
        step: the most that a batch may move a share, in percent.
    """
    wanted = whole_shares(probabilities, least)
    if min(before) < least:
        before = whole_shares([share / 100 for share in before], least)
    moves = [w - b for w, b in zip(wanted, before, strict=True)]
    largest = max(step, *map(abs, moves))
    moved = _rounded([move * step / largest for move in moves], 0)
    return tuple(b + m for b, m in zip(before, moved, strict=True))


def whole_shares(parts: Sequence[float], least: int) -> tuple[int, ...]:
    """Return whole percents, each at least ``least``, that are closest to parts of a whole.

    Args:
        parts: of each arm, none below 0, with a sum above 0.
        least: in percent; times the number of arms it is 100 at most.
    """
    free = set(range(len(parts)))
    exact = [float(least)] * len(parts)
    while free:
        left = 100.0 - sum(exact[i] for i in range(len(parts)) if i not in free)
        total = sum(parts[i] for i in free)
        scaled = {i: left * parts[i] / total if total > 0 else left / len(free) for i in free}
        low = {i for i, share in scaled.items() if share < least}
        if not low:
            for i, share in scaled.items():
                exact[i] = share
            break
        free -= low
    return tuple(_rounded(exact, 100))


def _rounded(exact: Sequence[float], total: int) -> list[int]:
    """Return whole numbers with a sum, each next to its exact one."""
    found = [math.floor(value + 1e-9) for value in exact]
    order = sorted(range(len(exact)), key=lambda i: (found[i] - exact[i], i))
    for i in order[: total - sum(found)]:
        found[i] += 1
    return found
