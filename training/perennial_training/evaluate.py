"""Metrics with confidence intervals on the held-out rows, and the reference profile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import get_scorer

from perennial_artifact.manifest import Metric
from perennial_artifact.profile import MAXIMUM_CATEGORIES, FeatureProfile, Profile
from perennial_training.dataset import SEED
from perennial_training.export import OnnxModel
from perennial_training.failure import TrainingFailure

RESAMPLES = 100
BOOTSTRAP_ROWS = 5_000
BINS = 10


class _Answered:
    """A model whose answers are known, so that resampling does not run it again."""

    def __init__(self, model: OnnxModel, inputs: pd.DataFrame) -> None:
        self._outputs = model.run(inputs)
        self.classes_ = model.classes_
        self._model = model

    def __sklearn_tags__(self) -> Any:
        return self._model.__sklearn_tags__()

    def fit(self, *_: Any) -> _Answered:
        return self

    def predict(self, rows: pd.DataFrame) -> Any:
        return np.asarray(self._outputs[0]).ravel()[rows["row"].to_numpy()]

    def predict_proba(self, rows: pd.DataFrame) -> Any:
        return np.asarray(self._outputs[1])[rows["row"].to_numpy()]


def measure(
    model: OnnxModel, names: Sequence[str], inputs: pd.DataFrame, target: pd.Series[Any]
) -> list[Metric]:
    """Return each scorer's value with a 95 % interval by the percentile bootstrap (Efron 1979).

    Raises:
        TrainingFailure: there is no such scorer, or it does not fit the task.
    """
    answered = _Answered(model, inputs)
    rng = np.random.default_rng(SEED)
    truth = target.to_numpy()
    everything = pd.DataFrame({"row": np.arange(len(truth))})
    metrics = []
    for name in dict.fromkeys(names):
        try:
            scorer = get_scorer(name)
            value = float(scorer(answered, everything, truth))
            resampled = []
            size = min(len(truth), BOOTSTRAP_ROWS)
            for _ in range(RESAMPLES):
                rows = rng.integers(0, len(truth), size)
                if model.classes_.size and len(np.unique(truth[rows])) < 2:
                    continue
                resampled.append(float(scorer(answered, everything.iloc[rows], truth[rows])))
        except Exception as error:
            raise TrainingFailure(
                "MetricInvalid", f"{name} cannot be computed: {str(error).splitlines()[0]}"
            ) from error
        # A smaller resample spreads more; its interval shrinks by the ratio of the roots.
        shrink = np.sqrt(size / len(truth))
        low, high = (np.quantile(resampled, [0.025, 0.975]) - value) * shrink + value
        metrics.append(Metric(name=name, value=value, low=float(low), high=float(high)))
    return metrics


def profile(model: OnnxModel, inputs: pd.DataFrame) -> Profile:
    """Return the distribution of every column, and of the model's predictions on these rows."""
    outputs = model.run(inputs)
    if model.classes_.size == 2:
        predictions = numeric_profile("probability", np.asarray(outputs[1])[:, -1])
    elif model.classes_.size:
        predictions = categorical_profile("label", np.asarray(outputs[0]).ravel().astype(str))
    else:
        predictions = numeric_profile("prediction", np.asarray(outputs[0]).ravel())
    features = [
        numeric_profile(str(c), inputs[c].to_numpy())
        if inputs[c].dtype.kind == "f"
        else categorical_profile(str(c), inputs[c].to_numpy().astype(str))
        for c in inputs
    ]
    return Profile(rows=len(inputs), features=features, predictions=[predictions])


def numeric_profile(name: str, values: Any) -> FeatureProfile:
    """Return counts between deciles; equal deciles of a lumpy column are merged."""
    present = np.asarray(values, dtype=np.float64)
    present = present[~np.isnan(present)]
    if present.size == 0:
        return FeatureProfile(name=name, kind="Numeric", counts=[0], missing=len(values))
    edges = np.unique(np.quantile(present, np.arange(1, BINS) / BINS))
    # An edge at the minimum would leave the first bin empty for ever.
    edges = edges[edges > present.min()]
    counts = np.bincount(np.searchsorted(edges, present, side="right"), minlength=edges.size + 1)
    return FeatureProfile(
        name=name,
        kind="Numeric",
        edges=edges.tolist(),
        counts=counts.tolist(),
        missing=len(values) - present.size,
        minimum=float(present.min()),
        maximum=float(present.max()),
    )


def categorical_profile(name: str, values: Any) -> FeatureProfile:
    """Return counts of the most frequent categories; the rest is in ``other``."""
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
