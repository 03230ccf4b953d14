"""The reference that live traffic is compared with: columns, and what the model answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from perennial_artifact.manifest import Column
from perennial_artifact.profile import MAXIMUM_CATEGORIES, FeatureProfile, Profile
from perennial_training.prove.answers import Answers, texts
from perennial_training.prove.bins import guarded_edges
from perennial_training.prove.held_out import held_out as labels_by_score


def profile(
    columns: Sequence[Column],
    features: pd.DataFrame,
    held_out: Answers,
    target: pd.Series[Any] | None = None,
) -> Profile:
    """Return how every column was distributed, and how the model's answers on held-out rows.

    On rows that it learned from a model is surer than on any others: live answers of a forest
    would differ from those without any drift. A Time is left out, as it always moves.

    Args:
        columns: the model's inputs.
        features: all rows, learned from or held out, with these columns as the model takes them.
        held_out: the model's answers on rows that it did not learn from.
        target: the labels of these rows; without them it is not told how often a score was right.
    """
    found = [
        categorical_profile(column.name, features[column.name].to_numpy())
        if column.kind == "Category"
        else numeric_profile(column.name, features[column.name].to_numpy())
        for column in columns
        if column.kind != "Time"
    ]
    return Profile(
        rows=len(features),
        features=found,
        predictions=[_predictions(held_out)],
        held_out=labels_by_score(held_out, target) if target is not None else None,
    )


def _predictions(answers: Answers) -> FeatureProfile:
    """Return the distribution of what the server counts: its last class's probability, of two."""
    if len(answers.known) == 2 and answers.probabilities is not None:
        return numeric_profile("probability", answers.probabilities[:, -1])
    if answers.known:
        return categorical_profile("label", texts(answers.predicted))
    return numeric_profile("prediction", answers.predicted)


def numeric_profile(name: str, values: Any) -> FeatureProfile:
    """Return counts between the edges of bins; NaN is missing.

    Infinity is counted, but is no edge, minimum or maximum.
    """
    # A model takes single precision, and live values come in it.
    with np.errstate(over="ignore"):
        single = np.asarray(values, dtype=np.float64).astype(np.float32)
    present = single[~np.isnan(single)].astype(np.float64)
    finite = present[np.isfinite(present)]
    edges = guarded_edges(finite) if finite.size else []
    counts = np.bincount(np.searchsorted(edges, present, side="right"), minlength=len(edges) + 1)
    return FeatureProfile(
        name=name,
        kind="Numeric",
        edges=edges,
        counts=counts.tolist(),
        missing=len(single) - present.size,
        minimum=float(finite.min()) if finite.size else None,
        maximum=float(finite.max()) if finite.size else None,
        deviation=float(finite.std()) if finite.size else None,
    )


def categorical_profile(name: str, values: Any) -> FeatureProfile:
    """Return counts of the most frequent categories; the rest is in ``other``, '' is missing."""
    counted = pd.Series(values).value_counts()
    missing = int(counted.pop("")) if "" in counted.index else 0
    top = counted.head(MAXIMUM_CATEGORIES)
    return FeatureProfile(
        name=name,
        kind="Categorical",
        categories=[str(c) for c in top.index],
        counts=[int(n) for n in top],
        other=int(counted.sum() - top.sum()),
        missing=missing,
    )
