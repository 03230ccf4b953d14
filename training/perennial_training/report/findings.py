"""What a report found, in numbers: what the page shows and what the operator is told."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from perennial_artifact.report import ReportSpec
from perennial_statistics.bursts import phi_of_neighbours
from perennial_statistics.intervals import wilson
from perennial_statistics.late_labels import FEWEST_LABELS, LateEstimate, Lateness
from perennial_training.report.cohorts import Cohorts
from perennial_training.report.features import Distributions
from perennial_training.report.log import Logged
from perennial_training.report.measures import Measure
from perennial_training.report.slices import Slice

NORMAL_95 = 1.959963984540054
Verdict = Literal["Kept", "Broken", "Undecided", "Unknown"]


@dataclass(frozen=True)
class Value:
    """A metric with where it may truly be (95 % sure), as people know it."""

    score: float
    low: float
    high: float
    rows: int


@dataclass(frozen=True)
class Result:
    """A metric over the window whose labels are in."""

    measure: Measure
    value: Value | None
    """None where too little is known."""
    verdict: Verdict
    why: str = ""
    """What is lacking."""
    is_too_few: bool = False
    """All that is lacking are rows, or time."""
    early: LateEstimate | None = None
    """Of predictions that are too young, by the labels that have come; None where not known."""


@dataclass(frozen=True)
class Findings:
    """All that a report found."""

    spec: ReportSpec
    log: Logged
    predictions: int
    """Of the version that is judged."""
    cohorts: Cohorts
    results: list[Result]
    slices: list[Slice]
    distributions: Distributions | None
    lateness: list[Lateness]
    versions: dict[str, int]
    """Predictions of every version in the log."""
    notes: list[str] = field(default_factory=list)


def value_of(measure: Measure, counts: NDArray[Any], phi: float = 1.0) -> Value | None:
    """Return a metric with its interval, None where nothing was counted.

    Args:
        measure: how it is counted.
        counts: rows, sum and sum of squares, shape [3].
        phi: by how much rows come in bursts; so many times fewer say as much.
    """
    rows, total, squares = map(float, counts)
    if rows <= 0:
        return None
    mean = total / rows
    if measure.is_share:
        low, high = wilson(total / phi, rows / phi)
    else:
        variance = max(0.0, squares / rows - mean * mean) * rows / max(1.0, rows - 1)
        half = NORMAL_95 * math.sqrt(variance * phi / rows)
        low, high = mean - half, mean + half
    ends = sorted((measure.score(low), measure.score(high)))
    return Value(measure.score(mean), ends[0], ends[1], int(rows))


def results(found: Cohorts, measures: Sequence[Measure], lacks: Sequence[str]) -> list[Result]:
    """Return every metric over its window."""
    return [
        _result(found, measure, index, why)
        for index, (measure, why) in enumerate(zip(measures, lacks, strict=True))
    ]


def _result(found: Cohorts, measure: Measure, index: int, why: str) -> Result:
    if why:
        return Result(measure, None, "Unknown", why)
    if measure.matures and found.mature is None:
        late = "it is not known yet how late labels come"
        return Result(measure, None, "Unknown", late, is_too_few=True)
    chosen = found.settled() if measure.matures else found.within(0)
    counts = found.counts[chosen, index]
    rows = int(counts[:, 0].sum()) if len(counts) else 0
    if rows < FEWEST_LABELS:
        unit = "labels" if measure.matures else "predictions"
        few = f"{rows} {unit}, {FEWEST_LABELS} are needed"
        return Result(measure, None, "Unknown", few, is_too_few=True)
    phi = 1.0
    if measure.is_share:
        phi = phi_of_neighbours([(float(n), float(x)) for n, x, _ in counts])
    value = value_of(measure, np.asarray(counts.sum(axis=0)), phi)
    assert value is not None
    return Result(measure, value, _verdict(measure, value))


def _verdict(measure: Measure, value: Value) -> Verdict:
    """Return how a value is to its limits; the operator's own test is stricter."""
    asked, found = measure.asked, "Kept"
    for limit, is_lowest in ((asked.minimum, True), (asked.maximum, False)):
        if limit is None:
            continue
        if (value.high < limit) if is_lowest else (value.low > limit):
            return "Broken"
        if (value.score < limit) if is_lowest else (value.score > limit):
            found = "Undecided"
    return "Undecided" if found == "Undecided" else "Kept"
