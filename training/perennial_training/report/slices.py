"""Metrics by the values of a feature: where a model is worse than elsewhere."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perennial_statistics.bursts import PHI_AT_FIRST, phi_of_neighbours
from perennial_statistics.late_labels import FEWEST_LABELS
from perennial_statistics.means import Moments
from perennial_statistics.multiple_testing import holm
from perennial_statistics.numbers import ranges, told_apart
from perennial_statistics.slices import higher_mean, more_events
from perennial_training.report.measures import Measure
from perennial_training.report.predicted import Predicted

PARTS = 5
"""Ranges that numbers are divided into, each with as many rows as ties allow."""
VALUES = 50
"""Values of a feature that are looked at, the most frequent."""
CHANCE = 0.05
"""The adjusted p-value up to which a slice is called worse."""
MISSING = "missing"
LOOKS, FEWEST_OF_LOOK = 48, 5
"""Slices of time, of equally many rows, that tell how far rows come in bursts."""


@dataclass(frozen=True)
class Slice:
    """A metric where a feature has some value, beside all rows."""

    feature: str
    value: str
    measure: Measure
    rows: int
    mean: float
    """What is counted; ``measure.score`` gives what people know."""
    overall: float
    p: float

    @property
    def score(self) -> float:
        """The metric here."""
        return self.measure.score(self.mean)

    @property
    def of_all(self) -> float:
        """The metric over all rows."""
        return self.measure.score(self.overall)


def slices(
    rows: pd.DataFrame, found: Predicted, features: Sequence[str], measures: Sequence[Measure]
) -> list[Slice]:
    """Return slices with labels enough, the least likely by chance first; p after Holm.

    Rows of one session are alike, and say less than as many of many: how much less is told by how
    a slice's share moves from one part of the window to the next. Rows that are told apart by a
    customer or a device all come so.

    Args:
        rows: the log's, with ``input.NAME`` of each feature.
        found: the same rows, the oldest first; only those of the window whose labels are in.
        features: whose values are told apart.
        measures: that wait for labels; what is lacking is left out.
    """
    tested: list[Slice] = []
    for measure in (m for m in measures if m.matures and not m.lacks(found)):
        mask, values = measure.of(found)
        values = values.astype(float)
        whole = _moments(mask, values)
        high = values > whole.total / max(1.0, whole.rows)
        phi = _phi(high[mask])
        for feature in features:
            for value, here in _parts(rows[f"input.{feature}"]):
                these, others = _moments(mask & here, values), _moments(mask & ~here, values)
                if these.rows < FEWEST_LABELS or others.rows < FEWEST_LABELS:
                    continue
                mean, overall = these.total / these.rows, whole.total / whole.rows
                phis = [_phi(high[mask & part], phi) for part in (here, ~here)]
                p = _p(measure, these, others, *phis)
                tested.append(Slice(feature, value, measure, int(these.rows), mean, overall, p))
    adjusted = holm([s.p for s in tested])
    found_slices = [replace(s, p=p) for s, p in zip(tested, adjusted, strict=True)]
    worse = [s for s in found_slices if s.measure.is_worse(s.score, s.of_all)]
    return sorted(worse, key=lambda s: (s.p, -abs(s.score - s.of_all)))


def _phi(high: NDArray[Any], unknown: float = PHI_AT_FIRST) -> float:
    """Return how many rows say as much as one, by the share of high values in slices of time."""
    parts = np.array_split(high, max(1, min(LOOKS, len(high) // FEWEST_OF_LOOK)))
    return phi_of_neighbours([(len(part), int(part.sum())) for part in parts], unknown)


def _p(measure: Measure, these: Moments, others: Moments, phi: float, phi_others: float) -> float:
    """Return the chance of so bad a slice where all rows are alike."""
    if measure.is_share:
        # Down for those that are worse, up for the others: it is the larger p.
        return more_events(
            math.ceil(these.rows / phi),
            math.floor(these.total / phi),
            math.floor(others.rows / phi_others),
            math.ceil(others.total / phi_others),
        )
    these, others = _fewer(these, phi), _fewer(others, phi_others)
    if measure.asked.minimum is not None:  # the higher the better
        these, others = others, these
    return higher_mean(these, others)


def _fewer(found: Moments, phi: float) -> Moments:
    return Moments(found.rows / phi, found.total / phi, found.squares / phi)


def _moments(mask: NDArray[Any], values: NDArray[Any]) -> Moments:
    chosen = values[mask]
    return Moments(float(len(chosen)), float(chosen.sum()), float((chosen**2).sum()))


def _parts(column: pd.Series[Any]) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield each value of a feature, or range of its numbers, with the rows that have it."""
    absent = column.isna().to_numpy()
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        values = column.to_numpy(dtype=float)
        distinct = np.unique(values[~absent])
        parts = _ranges(values) if len(distinct) > PARTS + 1 else _each(values, distinct)
    else:
        texts = column.astype(str).to_numpy()
        absent = absent | (texts == "")
        counted = pd.Series(texts[~absent]).value_counts()
        parts = ((str(text)[:128], texts == text) for text in counted.index[:VALUES])
    if absent.any():
        yield MISSING, absent
    for name, here in parts:
        yield name, here & ~absent


def _each(values: NDArray[Any], distinct: NDArray[Any]) -> Iterator[tuple[str, NDArray[Any]]]:
    for name, value in zip(told_apart(distinct.tolist()), distinct, strict=True):
        yield name, values == value


def _ranges(values: NDArray[Any]) -> Iterator[tuple[str, NDArray[Any]]]:
    # Values that there are: nothing lies between two infinite ones.
    shares = np.linspace(0, 1, PARTS + 1)[1:-1]
    edges = np.unique(np.nanquantile(values, shares, method="higher"))
    place = np.searchsorted(edges, values, side="right")
    for n, name in enumerate(ranges(edges.tolist())):
        yield name, place == n
