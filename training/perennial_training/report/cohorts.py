"""Predictions by the time when they were made: counts for whoever judges, and for the page.

Cut as the operator cuts what pods tell: a window is the newest cohorts whose labels are in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial_artifact.report import SIZE, CohortCounts, ReportSpec
from perennial_statistics.late_labels import (
    FEWEST_LABELS,
    OLD_ENOUGH,
    Lateness,
    by_class,
    horizon,
)
from perennial_statistics.numbers import kept
from perennial_training.report.measures import Measure
from perennial_training.report.predicted import Predicted

WINDOWS_BEFORE = 1
"""Windows that are read before the one that is judged, to know which share gets labels at all."""
WINDOWS_TO_LEARN = 6
"""Windows that are read where it is to be learned how late labels come."""
MOST_CLASSES = 8
"""Classes whose lateness is learned by themselves."""
VALUES = ""
"""Labels that are numbers, and rewards: one class of lateness."""


def first_read(spec: ReportSpec) -> float:
    """Return from when on predictions are read, in seconds since 1970."""
    until, span = spec.until.timestamp(), spec.cohort_seconds
    if spec.maturity_seconds is None:
        return until - WINDOWS_TO_LEARN * spec.window_seconds - span
    return until - (1 + WINDOWS_BEFORE) * spec.window_seconds - spec.maturity_seconds - 2 * span


def how_late(spec: ReportSpec, found: Predicted) -> tuple[float | None, list[Lateness]]:
    """Return the age at which labels are in, None where it is not known, and it by class."""
    until = spec.until.timestamp()
    delays = _delays(found, until)
    if spec.maturity_seconds is not None:
        return spec.maturity_seconds, by_class(delays, spec.maturity_seconds)
    return horizon(delays)


def usual_delays(spec: ReportSpec, found: Predicted, mature: float) -> dict[str, list[float]]:
    """Return how late labels of predictions came that are old enough for it to be known."""
    is_given = spec.maturity_seconds is not None
    least = mature if is_given else OLD_ENOUGH * mature
    told = _delays(found, spec.until.timestamp())
    old = {name: [d for age, d in pairs if age >= least] for name, pairs in told.items()}
    return {name: delays for name, delays in old.items() if len(delays) >= FEWEST_LABELS}


def _delays(found: Predicted, until: float) -> dict[str, list[tuple[float, float]]]:
    told = found.labelled & np.isfinite(found.told)
    # Clocks differ: none comes before its prediction.
    delay = np.maximum(0.0, found.told - found.made)
    names, inverse = np.unique(found.label_text[told], return_inverse=True)
    if len(names) > MOST_CLASSES:
        names, inverse = np.array([VALUES]), np.zeros(int(told.sum()), dtype=int)
    ages, delays = until - found.made[told], delay[told]
    return {
        str(name): list(
            zip(ages[inverse == n].tolist(), delays[inverse == n].tolist(), strict=True)
        )
        for n, name in enumerate(names)
    }


@dataclass(frozen=True, eq=False)
class Cohorts:
    """All cohorts with predictions, one a row, the oldest first; metrics in the spec's order."""

    span: int
    """Seconds of each."""
    until: float
    mature: float | None
    window: float
    places: NDArray[Any]
    """Beginning of each over ``span``, shape [n]."""
    given: NDArray[Any]
    labels: NDArray[Any]
    rewards: NDArray[Any]
    counts: NDArray[Any]
    """Rows, sum and sum of squares, shape [n, metrics, 3]."""

    @property
    def starts(self) -> NDArray[Any]:
        """Beginning of each in seconds since 1970, shape [n]."""
        return self.places * self.span

    def within(self, age: float) -> NDArray[Any]:
        """Return which are of the newest window of predictions that are so old, shape [n]."""
        last = self.until - age
        begins = last - self.span - self.window
        return (self.starts + self.span <= last) & (self.starts >= begins)

    def settled(self) -> NDArray[Any]:
        """Return which are of the window whose labels are in; none while that is not known."""
        if self.mature is None:
            return np.zeros(len(self.places), dtype=bool)
        return self.within(math.ceil(self.mature))

    def told(self, measures: Sequence[Measure]) -> tuple[list[CohortCounts], list[int]]:
        """Return what the operator needs: both windows, and what came before them in sum."""
        settled, newest = self.settled(), self.within(0)
        at_once = any(not m.matures for m in measures)
        chosen = settled | (newest & at_once)
        found = []
        for n in np.flatnonzero(chosen):
            relevant = [settled[n] if m.matures else newest[n] for m in measures]
            numbers = [
                _plain(x) if is_relevant else 0
                for is_relevant, each in zip(relevant, self.counts[n], strict=True)
                for x in each
            ]
            found.append(
                CohortCounts(
                    place=int(self.places[n]),
                    given=int(self.given[n]),
                    labels=int(self.labels[n]),
                    rewards=int(self.rewards[n]),
                    counts=numbers,
                )
            )
        before = self.starts < (self.starts[settled].min() if settled.any() else -np.inf)
        past = [int(a[before].sum()) for a in (self.given, self.labels, self.rewards)]
        return found, past


def _plain(number: float) -> float:
    """Return a number with six digits, whole ones as integers, which are shorter."""
    rounded = kept(float(number))
    return int(rounded) if rounded == int(rounded) else rounded


def cohorts(
    spec: ReportSpec, found: Predicted, measures: Sequence[Measure], mature: float | None
) -> Cohorts:
    """Return the predictions by cohorts, with what is counted of each metric."""
    span, until = spec.cohort_seconds, spec.until.timestamp()
    places, at = np.unique(np.floor(found.made / span).astype(np.int64), return_inverse=True)
    size = len(places)

    def total(values: Any) -> NDArray[Any]:
        return np.bincount(at, weights=values, minlength=size) if size else np.zeros(0)

    counts = np.zeros((size, len(measures), SIZE))
    for n, measure in enumerate(measures):
        if measure.lacks(found):
            continue
        mask, values = measure.of(found)
        values = np.where(mask, values, 0).astype(float)
        squares = np.zeros_like(values) if measure.is_share else values**2
        for m, numbers in enumerate((mask.astype(float), values, squares)):
            counts[:, n, m] = total(numbers)
    return Cohorts(
        span=span,
        until=until,
        mature=mature,
        window=spec.window_seconds,
        places=places,
        given=total(np.ones(len(found))),
        labels=total(found.labelled.astype(float)),
        rewards=total(np.isfinite(found.reward).astype(float)),
        counts=counts,
    )
