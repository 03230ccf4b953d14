"""The likelihood-ratio test that two samples have the same shares, and chi-square's tail."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

PRECISION = 1e-16
TINY = 1e-300
STEPS = 100_000


def chi_square_tail(x: float, df: float) -> float:
    """Return P(X > x) of chi-square with ``df`` degrees of freedom; 0 where that underflows."""
    return math.exp(log_chi_square_tail(x, df))


def log_chi_square_tail(x: float, df: float) -> float:
    """Return ln P(X > x) of chi-square: the regularised upper gamma function Q(df/2, x/2).

    A series below the mean, a continued fraction above it (DLMF 8.7.1 and 8.9.2). The logarithm
    keeps its precision where the probability itself underflows.

    Raises:
        ValueError: ``df`` is not positive.
    """
    if df <= 0:
        raise ValueError(f"chi-square needs positive degrees of freedom, not {df}")
    if x <= 0:
        return 0.0
    a, z = df / 2, x / 2
    log_front = a * math.log(z) - z - math.lgamma(a)
    if z < a + 1:
        term = total = 1 / a
        for n in range(1, STEPS):
            term *= z / (a + n)
            total += term
            if term < total * PRECISION:
                break
        return math.log1p(-min(1 - PRECISION, math.exp(log_front) * total))
    b = z + 1 - a
    c, d = 1 / TINY, 1 / b
    value = d
    for n in range(1, STEPS):
        step = -n * (n - a)
        b += 2
        d, c = step * d + b, b + step / c
        d = 1 / (d if abs(d) > TINY else TINY)
        c = c if abs(c) > TINY else TINY
        value *= d * c
        if abs(d * c - 1) < PRECISION * 10:
            break
    return log_front + math.log(value)


@dataclass(frozen=True)
class Homogeneity:
    """G, corrected, and its degrees of freedom: cells less one."""

    g: float
    df: int


def g_test(reference: Sequence[float], window: Sequence[float]) -> Homogeneity:
    """Return the G statistic of two samples over the same K cells, with Williams' correction.

    G = 2 sum(observed ln(observed / expected)), divided by Williams' q (Williams, Biometrika 63,
    1976), is chi-square with K - 1 degrees of freedom where both samples come from one
    distribution. Cells that are empty in both do not count. Pearson's statistic is far too large
    for rare cells; G is not.

    Args:
        reference: K counts.
        window: K counts of the same cells.

    Raises:
        ValueError: the samples have different numbers of cells.
    """
    pairs = [(r, c) for r, c in zip(reference, window, strict=True) if r + c > 0]
    n, m = float(sum(r for r, _ in pairs)), float(sum(c for _, c in pairs))
    df = len(pairs) - 1
    if df < 1 or not n or not m:
        return Homogeneity(0.0, 0)
    total = n + m
    half, inverse = 0.0, 0.0
    for r, c in pairs:
        t = r + c
        inverse += total / t
        if r:
            half += r * math.log(r * total / (t * n))
        if c:
            half += c * math.log(c * total / (t * m))
    q = 1 + (total / n + total / m - 1) * (inverse - 1) / (6 * total * df)
    return Homogeneity(max(0.0, 2 * half) / q, df)


def homogeneity_p(g: float, df: int) -> float:
    """Return the chance of a G of at least this size where nothing differs; 1 for a lone cell."""
    return chi_square_tail(g, df) if df > 0 else 1.0
