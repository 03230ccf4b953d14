"""Many simulated windows: shapes that the tables do not have, quiet and shifted."""

import time
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from perennial_statistics.drift import (
    NEWEST_SLICES,
    SLICES,
    Counts,
    Feature,
    Settings,
    Usual,
    added,
    judge_drift,
)
from perennial_statistics.usual_drift import UsualDrift

HOUR = 3_600.0
Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Floats]

WEEKS_LATER = 21 * 24 * HOUR


def categories(sizes: ArrayLike) -> Draw:
    shares = np.asarray(sizes, float)
    cumulative = np.cumsum(shares / shares.sum())
    return lambda rng, n: np.searchsorted(cumulative, rng.random(n)).astype(float)


def with_missing(draw: Draw, share: float) -> Draw:
    return lambda rng, n: np.where(rng.random(n) < share, np.nan, draw(rng, n))


NUMBERS: dict[str, Draw] = {
    "two humps": lambda rng, n: rng.normal(np.where(rng.random(n) < 0.3, -3, 2), 1),
    "pareto": lambda rng, n: rng.pareto(1.2, n),
    "few events": lambda rng, n: rng.poisson(0.4, n).astype(float),
    "hours": lambda rng, n: np.floor(24 * rng.beta(2, 3, n)),
    "saturated": lambda rng, n: np.clip(rng.normal(0.5, 0.4, n), 0, 1),
    "cauchy": lambda rng, n: rng.standard_cauchy(n),
    "prices": lambda rng, n: np.round(rng.gamma(2, 10, n)) - 0.01,
    "nearly constant": lambda rng, n: (rng.random(n) < 0.002).astype(float),
    "mostly missing": with_missing(lambda rng, n: rng.normal(0, 1, n), 0.97),
    "sometimes missing": with_missing(lambda rng, n: rng.exponential(1, n), 0.1),
}
CATEGORIES: dict[str, Draw] = {
    "200 towns": categories(1 / np.arange(1, 201) ** 0.9),
    "64 alike": categories(np.ones(64)),
    "30 halving": categories(0.5 ** np.arange(30)),
    "12 months": categories(1 + np.sin(np.arange(12))),
    "missing kinds": with_missing(categories(np.array([5.0, 3, 1, 0.2])), 0.3),
}
SHAPES = {**NUMBERS, **CATEGORIES}


def edges_of(values: Floats) -> Floats:
    present = values[~np.isnan(values)]
    edges = np.unique(np.quantile(present, np.arange(1, 10) / 10, method="higher"))
    return np.asarray(edges[edges > present.min()] if len(edges) else edges)


def feature(name: str, reference: Floats, window: Floats, listed: int = 64) -> Feature:
    """Count a reference and a window in 24 slices; rows that miss a value are NaN."""
    if name in NUMBERS:
        edges = edges_of(reference)
        low, high = np.nanmin(reference), np.nanmax(reference)

        def count(values: Floats) -> Counts:
            present = values[~np.isnan(values)]
            found = np.bincount(np.searchsorted(edges, present, "right"), minlength=len(edges) + 1)
            outside = int(((present < low) | (present > high)).sum())
            missing = len(values) - len(present)
            return Counts(tuple(map(int, found)), 0, missing, outside)

    else:
        seen, counts = np.unique(reference[~np.isnan(reference)], return_counts=True)
        kept = seen[np.argsort(-counts, kind="stable")][:listed]

        def count(values: Floats) -> Counts:
            present = values[~np.isnan(values)]
            found = tuple(int((present == k).sum()) for k in kept)
            return Counts(found, len(present) - sum(found), len(values) - len(present))

    slices = tuple(count(part) for part in np.array_split(window, SLICES))
    newest = added(slices[-NEWEST_SLICES:])
    return Feature(name, name in NUMBERS, count(reference), added(slices), newest, slices)


def quiet(*names: str) -> Usual:
    return {(name, span): UsualDrift() for name in names for span in ("Window", "Newest")}


def sessions(draw: Draw, rng: np.random.Generator, rows: int, longest: int) -> Floats:
    """Rows of sessions of up to ``longest`` equal rows, one after another."""
    lengths = rng.integers(1, longest + 1, rows)
    return np.repeat(draw(rng, rows), lengths)[:rows]


@pytest.mark.parametrize(
    ("rows", "window", "longest"), [(2_000, 500, 1), (20_000, 2_000, 1), (4_000, 3_000, 5)]
)
def test_clean_windows_of_many_shapes_raise_no_alarm(rows: int, window: int, longest: int) -> None:
    rng = np.random.default_rng(rows + window)
    settings = Settings(window=HOUR, interval=HOUR, watched=WEEKS_LATER, minimum_samples=100)
    alarms: list[object] = []
    windows = 70 if longest > 1 else 65
    for _ in range(windows):
        features = []
        for name, draw in SHAPES.items():
            live = sessions(draw, rng, window, longest) if longest > 1 else draw(rng, window)
            features.append(feature(name, draw(rng, rows), live))
        report = judge_drift(features, settings, quiet(*SHAPES))
        alarms += [*report.drifted, *report.breaches]
    assert alarms == []


def test_five_hundred_features_are_judged_well_below_a_second() -> None:
    rng = np.random.default_rng(12)
    names = list(SHAPES)
    few = [feature(name, SHAPES[name](rng, 5_000), SHAPES[name](rng, 2_000)) for name in names]
    features = [few[i % len(few)] for i in range(500)]
    settings = Settings(window=HOUR, interval=300, watched=WEEKS_LATER)
    began = time.process_time()
    report = judge_drift(features, settings, quiet(*names))
    spent = time.process_time() - began
    assert report.drifted == ()
    assert spent < 1.0, f"{spent:.2f} s"
