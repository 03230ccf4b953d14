"""Evidence that grows from look to look and may be looked at any number of times."""

import math
from collections.abc import Sequence

from perennial_statistics.numbers import kept

RESERVE = 0.1
"""The part of the stake that is not bet at the beginning."""
LOOKS_BETWEEN_STARTS = 50


def log_mean(logs: Sequence[float]) -> float:
    """Return the log of the mean of e-values; it is one too, whatever depends on what."""
    highest = max(logs)
    return highest + math.log(sum(math.exp(x - highest) for x in logs) / len(logs))


def at_start(count: int, reserve: float = RESERVE) -> tuple[float, ...]:
    """Return the log stakes of ``count`` alternatives before the first look."""
    return (kept(math.log1p(-reserve)),) * count


def after(
    logs: Sequence[float], gains: Sequence[float], looks: float, reserve: float = RESERVE
) -> tuple[float, ...]:
    """Return the log stakes after a look.

    A stake is multiplied by its alternative's likelihood ratio. Under the null the product is a
    martingale that begins at 1 or below, so it ever reaches 1 / alpha with a chance of at most
    alpha (Ville 1939). That also holds for ratios tempered by bursts, log e / phi with a phi of
    looks before: a power up to 1 of an e-value is one.

    A canary that breaks after an hour would first have to win back what an hour without errors had
    lost: thousands of requests. So every 50 looks a part of the reserve is put on each alternative
    anew: reserve / (k (k + 1)) the k-th time, which adds up to the reserve. Money that waited is
    money at even odds, so the whole stays a martingale that begins at 1.

    Args:
        logs: log stakes before the look.
        gains: log likelihood ratios of the look, tempered.
        looks: how many looks there have been, this one included.
        reserve: 0 for the plain product.
    """
    grown = [x + gain for x, gain in zip(logs, gains, strict=True)]
    if reserve and looks % LOOKS_BETWEEN_STARTS == 0:
        k = looks / LOOKS_BETWEEN_STARTS
        new = math.log(reserve / (k * (k + 1)))
        grown = [_log_add(x, new) for x in grown]
    return tuple(kept(x) for x in grown)


def _log_add(a: float, b: float) -> float:
    return max(a, b) + math.log1p(math.exp(-abs(a - b)))
