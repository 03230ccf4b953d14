"""The likelihood-ratio test that two samples have the same shares, and chi-square's tail."""

import math
from collections.abc import Sequence
from typing import NamedTuple

PRECISION = 1e-16
TINY = 1e-300
STEPS = 100_000
LARGEST_IN_TERMS = 600.0
"""Half of a statistic up to which the finite sum neither over- nor underflows."""
MOST_TERMS = 100
ROOT_PI = math.sqrt(math.pi)


def chi_square_tail(x: float, df: float) -> float:
    """Return P(X > x) of chi-square with ``df`` degrees of freedom; 0 where that underflows."""
    return math.exp(log_chi_square_tail(x, df))


def log_chi_square_tail(x: float, df: float) -> float:
    """Return ln P(X > x) of chi-square: the regularised upper gamma function Q(df/2, x/2).

    A finite sum for whole degrees of freedom (DLMF 8.4.10 and 8.4.15), which all tables have; else
    a series below the mean, a continued fraction above it (8.7.1 and 8.9.2). The logarithm keeps
    its precision where the probability itself underflows.

    Raises:
        ValueError: ``df`` is not positive.
    """
    if df <= 0:
        raise ValueError(f"chi-square needs positive degrees of freedom, not {df}")
    if x <= 0:
        return 0.0
    a, z = df / 2, x / 2
    if df == int(df) and a < MOST_TERMS and z < LARGEST_IN_TERMS:
        return _log_finite_tail(int(df), z)
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


def _log_finite_tail(df: int, z: float) -> float:
    """Return ln Q(df/2, z): positive terms only, so none of the digits is lost."""
    if df % 2:
        total, term, k = math.erfc(math.sqrt(z)) * math.exp(z), 2 * math.sqrt(z) / ROOT_PI, 0.5
    else:
        total, term, k = 1.0, z, 1.0
    for _ in range((df - 1) // 2):
        total += term
        k += 1
        term *= z / k
    return min(0.0, math.log(total) - z)


class Homogeneity(NamedTuple):
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
    n, m = float(sum(reference)), float(sum(window))
    total, log = n + m, math.log
    df, half, inverse = -1, 0.0, 0.0
    for r, c in zip(reference, window, strict=True):
        t = r + c
        if not t:
            continue
        df += 1
        inverse += 1 / t
        if r:
            half += r * log(r / t)
        if c:
            half += c * log(c / t)
    if df < 1 or not n or not m:
        return Homogeneity(0.0, 0)
    of_n, of_m = total / n, total / m
    half += n * log(of_n) + m * log(of_m)
    q = 1 + (of_n + of_m - 1) * (total * inverse - 1) / (6 * total * df)
    return Homogeneity(max(0.0, 2 * half) / q, df)


def homogeneity_p(g: float, df: int) -> float:
    """Return the chance of a G of at least this size where nothing differs; 1 for a lone cell."""
    return chi_square_tail(g, df) if df > 0 else 1.0
