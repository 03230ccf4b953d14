"""How soon a shift of one number is found in a window that slides, by ours and by others."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import numpy as np
import pandas as pd

from benchmarks.drift.counting import profiles
from benchmarks.drift.others import TITLES, Case, Found
from perennial_artifact.profile import FeatureProfile
from perennial_statistics.drift import SLICES, Usual
from perennial_statistics.usual_drift import DAY, UsualDrift
from unit.statistics.live_traffic import EACH, Stream, Whole, watch

RUNS = 15
SHIFTS = (0.0, 0.2, 0.3, 0.5, 1.0)
"""Of the first number, in standard deviations."""
ROWS_AN_HOUR, LOOKS = 2_016, 12
"""A window is an hour, looked at every five minutes."""
REFERENCE = 20_000
NAMES = ("0", "1")
USUAL: Usual = {
    **{(name, "Window"): UsualDrift(0.009) for name in NAMES},
    **{(name, "Newest"): UsualDrift(0.034) for name in NAMES},
}
"""What independent rows leave after a week."""


def streams(shift: float) -> list[pd.DataFrame]:
    """Return two hours of rows for each run; the first number shifts after the first hour."""
    rng = np.random.default_rng(9)
    found = []
    for _ in range(RUNS):
        rows = rng.standard_normal((2 * ROWS_AN_HOUR, len(NAMES)))
        rows[ROWS_AN_HOUR:, 0] += shift
        found.append(pd.DataFrame(rows, columns=list(NAMES)))
    return found


def reference() -> pd.DataFrame:
    """Return the rows that were learned from."""
    rng = np.random.default_rng(8)
    return pd.DataFrame(rng.standard_normal((REFERENCE, len(NAMES))), columns=list(NAMES))


def cases() -> list[Case]:
    """Return the windows at all looks of all runs, a case for each shift."""
    each, found = ROWS_AN_HOUR * EACH // SLICES, []
    for shift in SHIFTS:
        looks = [
            rows.iloc[n * each : n * each + ROWS_AN_HOUR]
            for rows in streams(shift)
            for n in range(1, LOOKS + 1)
        ]
        found.append(Case(dict.fromkeys(NAMES, "Numeric"), reference(), looks))
    return found


def _of_ours(shift: float) -> list[float]:
    """Return the minutes to the first alarm of each run; without a shift of any column."""
    known = profiles(dict.fromkeys(NAMES, "Numeric"), reference())
    references = [np.array(p.counts) for p in known.values()]
    first = []
    for rows in streams(shift):
        counts = [_by_slice(p, rows[name]) for name, p in known.items()]
        live = Stream(["number"] * len(NAMES), references, counts)
        told = watch(live, SLICES + EACH, USUAL, watched=8 * DAY)
        names = [name for name in NAMES if shift == 0 or name == NAMES[0]]
        first.append(min(told.first(name, SLICES) for name in names))
    return first


def _by_slice(profile: FeatureProfile, values: pd.Series[float]) -> Whole:
    places = np.searchsorted(profile.edges, values.to_numpy(), "right").reshape(2 * SLICES, -1)
    return np.array([np.bincount(row, minlength=len(profile.counts)) for row in places])


def _of_peer(shift: float, found: Found) -> list[float]:
    first = []
    for run in range(RUNS):
        looks = found.alarms[run * LOOKS : (run + 1) * LOOKS]
        at = (5.0 * (n + 1) for n, names in enumerate(looks) if names and _counts(shift, names))
        first.append(next(at, math.inf))
    return first


def _counts(shift: float, names: Sequence[str]) -> bool:
    return shift == 0 or NAMES[0] in names


def _shown(shift: float, first: Sequence[float]) -> str:
    if shift == 0:
        return f"{sum(map(math.isfinite, first))} of {len(first)} alarm within the hour"
    middle = statistics.median(first)
    return "not within the hour" if math.isinf(middle) else f"{middle:g} min"


def rows(by_peers: Sequence[Sequence[Found]]) -> list[str]:
    """Return the table: median minutes to the first alarm, on the same windows."""
    lines = [f"| shift of a number | ours | {TITLES} |", "| --- | ---: | ---: | ---: |"]
    for n, shift in enumerate(SHIFTS):
        all_first = [_of_ours(shift), *(_of_peer(shift, found[n]) for found in by_peers)]
        name = f"{shift} sd" if shift else "none"
        lines.append(f"| {name} | {' | '.join(_shown(shift, first) for first in all_first)} |")
    return lines
