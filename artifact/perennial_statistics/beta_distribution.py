"""The beta function, its tails and their inverse, and the beta-binomial distribution."""

import math
import sys
from functools import lru_cache

TINY = sys.float_info.min
PRECISION = 1e-15
STEPS = 20_000
HALVINGS = 200


def log_beta(a: float, b: float) -> float:
    """Return ln B(a, b) for positive ``a`` and ``b``."""
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def beta_lower_tail(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b), P(X <= x) of Beta(a, b).

    A continued fraction (Gauss; DLMF 8.17.22), by Lentz' method (1976), on the side of the mean
    where it is quick.

    Raises:
        ValueError: ``a`` or ``b`` is not positive.
    """
    if a <= 0 or b <= 0:
        raise ValueError(f"a beta distribution needs positive parameters, not {a} and {b}")
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    front = math.exp(a * math.log(x) + b * math.log1p(-x) - log_beta(a, b))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1.0 - front * _fraction(1 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > TINY else TINY)
    value = d
    for m in range(1, STEPS):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d, c = 1 + term * d, 1 + term / c
            d = 1 / (d if abs(d) > TINY else TINY)
            c = c if abs(c) > TINY else TINY
            value *= d * c
        if abs(d * c - 1) < PRECISION:
            break
    return value


@lru_cache(maxsize=4096)
def beta_quantile(p: float, a: float, b: float) -> float:
    """Return x with P(X <= x) = p of Beta(a, b), by bisection."""
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if beta_lower_tail(middle, a, b) < p:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def beta_binomial_tail(k: int, n: int, a: float, b: float) -> float:
    """Return P(X >= k), X the successes in ``n`` draws whose chance is itself Beta(a, b).

    Terms follow each other by their ratio, from ``k`` to whichever end is on the other side of the
    mean; so it costs as many steps as the tail is long.

    Raises:
        ValueError: ``a`` or ``b`` is not positive.
    """
    if a <= 0 or b <= 0:
        raise ValueError(f"a beta distribution needs positive parameters, not {a} and {b}")
    if k <= 0 or k > n:
        return 1.0 if k <= 0 else 0.0
    if k > n * a / (a + b):
        return min(1.0, _upper_sum(k, n, a, b))
    # P(X >= k) = 1 - P(n - X >= n - k + 1): failures are beta-binomial too.
    return max(0.0, 1.0 - _upper_sum(n - k + 1, n, b, a))


def _upper_sum(k: int, n: int, a: float, b: float) -> float:
    choose = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    term = total = math.exp(choose + log_beta(k + a, n - k + b) - log_beta(a, b))
    for x in range(k, n):
        term *= (n - x) * (x + a) / ((x + 1) * (n - x - 1 + b))
        total += term
        if term < total * PRECISION and x > k + 2:
            break
    return total
