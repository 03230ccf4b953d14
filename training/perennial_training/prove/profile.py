"""The reference that live traffic is compared with: columns, and what the model answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perennial_artifact.manifest import Column
from perennial_artifact.profile import HOURS, MAXIMUM_CATEGORIES, FeatureProfile, Profile
from perennial_training.prove.answers import Answers
from perennial_training.prove.bins import guarded_edges
from perennial_training.prove.equal_rows import occurrences_of, times_each
from perennial_training.prove.held_out import held_out as labels_by_score
from perennial_training.prove.labels import texts

DAY, HOUR = 86_400, 3_600
MOST_BY_HOUR = 400_000
"""Counts by hour of a whole profile, which a pod tells in one answer of some MiB."""

Hours = NDArray[np.intp]
"""The hour of the day (UTC) of each row."""


def profile(
    columns: Sequence[Column],
    features: pd.DataFrame,
    held_out: Answers,
    target: pd.Series[Any] | None = None,
    hours: Hours | None = None,
    held_out_hours: Hours | None = None,
) -> Profile:
    """Return how every column was distributed, and how the model's answers on held-out rows.

    On rows that it learned from a model is surer than on any others: live answers of a forest
    would differ from those without any drift. A Time is left out, as it always moves.

    Args:
        columns: the model's inputs.
        features: all rows, learned from or held out, with these columns as the model takes them.
        held_out: the model's answers on rows that it did not learn from.
        target: the labels of these rows; without them it is not told how often a score was right.
        hours: of all rows; without them nothing is counted by the hour.
        held_out_hours: of the rows that it did not learn from.
    """
    found = [
        categorical_profile(column.name, features[column.name].to_numpy(), hours)
        if column.kind == "Category"
        else numeric_profile(column.name, features[column.name].to_numpy(), hours)
        for column in columns
        if column.kind != "Time"
    ]
    predictions = [_predictions(held_out, held_out_hours)]
    if sum(len(hour) for p in (*found, *predictions) for hour in p.hours) > MOST_BY_HOUR:
        found, predictions = ([p.replace(hours=[]) for p in ps] for ps in (found, predictions))
    numbers = frozenset(p.name for p in found if p.kind == "Numeric")
    values = {p.name: features[p.name].to_numpy() for p in found}
    return Profile(
        rows=len(features),
        features=found,
        predictions=predictions,
        held_out=labels_by_score(held_out, target) if target is not None else None,
        equal_rows=occurrences_of(times_each(values, numbers)) if found else [],
    )


def hours_of(times: pd.Series[Any]) -> Hours | None:
    """Return the hours of the day of seconds since 1970; None where they are days without hours."""
    of_day = times.to_numpy(dtype=np.float64) % DAY
    if not len(of_day) or (of_day == of_day[0]).all():
        return None
    return (of_day // HOUR).astype(np.intp)


def _by_hour(place: NDArray[Any], cells: int, hours: Hours | None) -> list[list[int]]:
    """Return counts of cells for each hour, given the cell of each row."""
    if hours is None:
        return []
    counts = np.bincount(hours * cells + place, minlength=HOURS * cells)
    found: list[list[int]] = counts.reshape(HOURS, cells).tolist()
    return found


def _predictions(answers: Answers, hours: Hours | None) -> FeatureProfile:
    """Return the distribution of what the server counts: its last class's probability, of two."""
    if len(answers.known) == 2 and answers.probabilities is not None:
        return numeric_profile("probability", answers.probabilities[:, -1], hours)
    if answers.known:
        return categorical_profile("label", texts(answers.predicted), hours)
    return numeric_profile("prediction", answers.predicted, hours)


def numeric_profile(name: str, values: Any, hours: Hours | None = None) -> FeatureProfile:
    """Return counts between the edges of bins; NaN is missing.

    Infinity is counted, but is no edge, minimum or maximum.
    """
    # A model takes single precision, and live values come in it.
    with np.errstate(over="ignore"):
        single = np.asarray(values, dtype=np.float64).astype(np.float32)
    present = single[~np.isnan(single)].astype(np.float64)
    finite = present[np.isfinite(present)]
    edges = guarded_edges(finite) if finite.size else []
    place = np.searchsorted(edges, single.astype(np.float64), side="right")
    place[np.isnan(single)] = len(edges) + 2  # missing, after the others that a number has not
    counts = np.bincount(place, minlength=len(edges) + 3)[: len(edges) + 1]
    return FeatureProfile(
        name=name,
        kind="Numeric",
        edges=edges,
        counts=counts.tolist(),
        missing=len(single) - present.size,
        minimum=float(finite.min()) if finite.size else None,
        maximum=float(finite.max()) if finite.size else None,
        deviation=float(finite.std()) if finite.size else None,
        hours=_by_hour(place, len(edges) + 3, hours),
    )


def categorical_profile(name: str, values: Any, hours: Hours | None = None) -> FeatureProfile:
    """Return counts of the most frequent categories; the rest is in ``other``, '' is missing."""
    counted = pd.Series(values).value_counts()
    missing = int(counted.pop("")) if "" in counted.index else 0
    top = counted.head(MAXIMUM_CATEGORIES)
    place = {**{category: n for n, category in enumerate(top.index)}, "": len(top) + 1}
    places = pd.Series(values).map(lambda value: place.get(value, len(top)))
    return FeatureProfile(
        name=name,
        kind="Categorical",
        categories=[str(c) for c in top.index],
        counts=[int(n) for n in top],
        other=int(counted.sum() - top.sum()),
        missing=missing,
        hours=_by_hour(places.to_numpy(dtype=np.intp), len(top) + 2, hours),
    )
