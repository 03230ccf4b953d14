"""How much less a window's rows say than as many independent ones, from its slices of time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from perennial_statistics.chi_square import homogeneity_p
from perennial_statistics.f_distribution import f_tail


@dataclass(frozen=True)
class DesignEffect:
    """``phi`` rows say as much as one independent row; ``df`` is (T - 1)(K - 1)."""

    phi: float = 1.0
    slices: int = 0
    df: int = 0

    @property
    def phi_of_counts(self) -> float:
        """By how much counts are divided: not by what may be chance."""
        return self.phi if self.clear or not self.df else 1.0

    @property
    def clear(self) -> bool:
        """Whether the slices differ by more than chance: two standard deviations above 1."""
        return self.df > 0 and self.phi > 1 + 2 * math.sqrt(2 / self.df)


INDEPENDENT = DesignEffect()
UNTOLD = 5.0
"""Of rows that are all alike: slices cannot tell whether they came together, and sessions of a few
rows must not alarm. A rare flag is absent from 100 sessions of 5 rows far more often than from 500
rows."""


def design_effect(slices: Sequence[Sequence[float]]) -> DesignEffect:
    """Return the design effect of a window from its counts in T slices of time by K cells.

    phi = max(1, X2 / ((T - 1)(K - 1))), X2 Pearson's statistic of the table (Rao & Scott, JASA 76,
    1981, the first-order correction). It sees bursts that are shorter than a slice. Slices without
    rows and cells without counts are left out; where one cell is left it is ``UNTOLD``.

    Raises:
        ValueError: slices have different numbers of cells.
    """
    rows = [(row, float(sum(row))) for row in slices]
    if any(len(row) != len(rows[0][0]) for row, _ in rows):
        raise ValueError("slices have different numbers of cells")
    rows = [(row, total) for row, total in rows if total > 0]
    if not rows:
        return INDEPENDENT
    cells = [float(sum(column)) for column in zip(*(row for row, _ in rows), strict=True)]
    df = (len(rows) - 1) * (sum(1 for c in cells if c > 0) - 1)
    if df < 1:
        return DesignEffect(UNTOLD, len(rows), 0)
    # X2 = N (sum of observed^2 / (row total x cell total) - 1), in one pass.
    filled = [i for i, c in enumerate(cells) if c > 0]
    inverse = [1 / cells[i] for i in filled]
    squares = sum(
        sum(row[i] * row[i] * inv for i, inv in zip(filled, inverse, strict=True)) / total
        for row, total in rows
    )
    return DesignEffect(max(1.0, sum(cells) * (squares - 1) / df), len(rows), df)


def corrected_p(g: float, df: int, effect: DesignEffect = INDEPENDENT) -> float:
    """Return the p-value of a G with ``df`` degrees of freedom over rows that may depend.

    G / phi is chi-square. Where phi is clearly above 1 it is itself uncertain, which the F
    distribution with (df, T - 1) degrees of freedom allows for (Rao & Scott 1981).
    """
    if df < 1:
        return 1.0
    if effect.clear:
        return f_tail(g / (effect.phi * df), df, effect.slices - 1)
    return homogeneity_p(g / effect.phi, df)
