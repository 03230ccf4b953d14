"""How often the rule finds one column of thirty that shifted, by the rows of the window."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from benchmarks.drift.clean import SHARES, Column, alarms, drawn, kinds

REFERENCE, SIZES = 20_000, (500, 2_000, 20_000)
WINDOWS, FEATURES = 400, 30

_EDGES = norm.ppf(np.arange(1, 10) / 10)


def _normal(mean: float, sd: float) -> NDArray[np.float64]:
    """Return the shares of ten bins, equal before the shift."""
    return np.diff(norm.cdf(_EDGES, mean, sd), prepend=0.0, append=1.0)


def _five(points: float) -> NDArray[np.float64]:
    return SHARES["5 kinds"] + np.array([-points, points, 0, 0, 0])


def _zeros(share: float) -> NDArray[np.float64]:
    rest = SHARES["zeros"][1:]
    return np.array([share, *((1 - share) * rest / rest.sum())])


SHIFTED: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {
    **{f"a normal's mean + {d} sd": (_normal(0, 1), _normal(d, 1)) for d in (0.1, 0.2, 0.3, 0.5)},
    **{f"its sd × {k}": (_normal(0, 1), _normal(0, k)) for k in (1.2, 1.5)},
    "zeros 60 % → 50 %": (_zeros(0.6), _zeros(0.5)),
    **{f"a category's share − {100 * x:.0f} points": (_five(0), _five(x)) for x in (0.05, 0.1)},
    **{
        f"a flag 3 % → {100 * x:.0f} %": (SHARES["flag"], np.array([1 - x, x])) for x in (0.06, 0.1)
    },
}
"""Shares of the cells before and after."""


def rows() -> list[str]:
    """Return the table: the share of windows that alarm."""
    rng = np.random.default_rng(29)
    lines = [
        f"| one column of {FEATURES} | {' | '.join(f'{m:,} rows' for m in SIZES)} |",
        "| --- |" + " ---: |" * len(SIZES),
    ]
    for name, (before, after) in SHIFTED.items():
        cells = [f"{_found(before, after, m, rng) / WINDOWS:.0%}" for m in SIZES]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _found(
    before: NDArray[np.float64], after: NDArray[np.float64], m: int, rng: np.random.Generator
) -> int:
    parts = [(REFERENCE, before), (m - m // 4, after), (m // 4, after)]
    counts = [rng.multinomial(n, shares, WINDOWS) for n, shares in parts]
    none = np.zeros((WINDOWS, 3), np.int64)
    shifted = Column(True, *(np.hstack([c, none]) for c in counts))
    others = [drawn(k, REFERENCE, m, WINDOWS, rng) for k in kinds(FEATURES)[1:]]
    return alarms([shifted, *others], 1, rng)
