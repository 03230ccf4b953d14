"""How far two samples are apart: the population stability index beyond what chance gives."""

import math
from collections.abc import Sequence
from operator import add


def pooled_psi(reference: Sequence[float], window: Sequence[float]) -> float:
    """Return the population stability index: the sum of (q - p) ln(q / p) over K cells.

    Half a count a cell keeps empty cells finite (Siddiqi, Credit Risk Scorecards, 2006, gives the
    index). It is spread as both samples together are: an even spread would pull the smaller sample
    towards even shares, and so find a difference where there is none.

    Args:
        reference: K counts.
        window: K counts of the same cells; cells that are empty in both are left out.

    Raises:
        ValueError: the samples have different numbers of cells.
    """
    if len(reference) != len(window):
        raise ValueError("the samples have different numbers of cells")
    pooled = list(map(add, reference, window))
    n, m = float(sum(reference)), float(sum(window))
    if not n or not m:
        return 0.0
    half, log = (len(pooled) - pooled.count(0)) / 2, math.log
    added, of_n, of_m = half / (n + m), 1 / (n + half), 1 / (m + half)
    index = 0.0
    for r, c, t in zip(reference, window, pooled, strict=True):
        if not t:
            continue
        more = t * added
        p, q = (r + more) * of_n, (c + more) * of_m
        index += (q - p) * log(q / p)
    return index


def excess(psi: float, df: int, reference_rows: float, window_rows: float, phi: float = 1) -> float:
    """Return the index less its mean where nothing changed, df (1/n + phi/m); never below 0.

    Yurdakul & Naranjo (J. Risk Model Validation, 2020) give that mean for independent rows; the
    window's rows count as m / phi independent ones (Kish 1965).

    Args:
        psi: the index.
        df: cells less one.
        reference_rows: n, rows of the reference.
        window_rows: m, rows of the window.
        phi: the window's design effect.
    """
    if not reference_rows or not window_rows:
        return 0.0
    return max(0.0, psi - df * (1 / reference_rows + phi / window_rows))
