"""Metrics with confidence intervals on the held-out rows, and the reference profile."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import numpy as np
import pandas as pd
import sklearn
from sklearn.metrics import get_scorer
from sklearn.utils.metaestimators import available_if

from perennial_artifact.manifest import Metric
from perennial_artifact.profile import MAXIMUM_CATEGORIES, FeatureProfile, Profile
from perennial_training.dataset import SEED
from perennial_training.export import OnnxModel
from perennial_training.failure import TrainingFailure

RESAMPLES = 100
BOOTSTRAP_ROWS = 5_000
BINS = 10


class _Answered:
    """Answers that are known, by the number of the row: resampling does not run the model again."""

    def __init__(self, model: OnnxModel, inputs: pd.DataFrame) -> None:
        self._outputs = model.run(inputs)
        self.classes_ = model.classes_
        self.has_probabilities = model.has_probabilities
        self._model = model

    def __sklearn_tags__(self) -> Any:
        return self._model.__sklearn_tags__()

    def fit(self, *_: Any) -> _Answered:
        return self

    def predict(self, rows: Any) -> Any:
        return np.asarray(self._outputs[0]).ravel()[rows]

    @available_if(attrgetter("has_probabilities"))  # type: ignore[untyped-decorator]
    def predict_proba(self, rows: Any) -> Any:
        return np.asarray(self._outputs[1])[rows]


def scorer(name: str) -> Any:
    """Return a scorer by scikit-learn's own name.

    Raises:
        TrainingFailure: there is none of that name.
    """
    try:
        return get_scorer(name)
    except ValueError as error:
        raise TrainingFailure(
            "MetricInvalid",
            f"{name} is no scorer of scikit-learn; write one such as roc_auc, accuracy, r2 or "
            "neg_mean_absolute_error",
        ) from error


def measure(
    model: OnnxModel, names: Sequence[str], inputs: pd.DataFrame, target: pd.Series[Any]
) -> list[Metric]:
    """Return each scorer's value with a 95 % interval by the percentile bootstrap (Efron 1979).

    There is no interval where most resamples cannot be scored, as with a very rare class.

    Raises:
        TrainingFailure: there is no such scorer, or it does not fit the task or the rows.
    """
    answered = _Answered(model, inputs)
    rng = np.random.default_rng(SEED)
    truth = target.to_numpy()
    metrics = []
    size = min(len(truth), BOOTSTRAP_ROWS)
    for name in dict.fromkeys(names):
        score = scorer(name)
        try:
            value = _score(score, answered, truth, np.arange(len(truth)))
        except AttributeError as error:
            raise TrainingFailure(
                "MetricInvalid",
                f"{name} needs probabilities, which this algorithm does not give: use a metric of "
                "labels such as accuracy, or another algorithm",
            ) from error
        except (TypeError, ValueError) as error:
            told = (str(error).splitlines() or [type(error).__name__])[0]
            raise TrainingFailure("MetricInvalid", f"{name} cannot be computed: {told}") from error
        resampled = []
        for _ in range(RESAMPLES):
            with contextlib.suppress(ValueError):  # a class is missing from the resample
                rows = rng.integers(0, len(truth), size)
                resampled.append(_score(score, answered, truth, rows))
        low = high = None
        if len(resampled) >= RESAMPLES / 2:
            # A smaller resample spreads more; its interval shrinks by the ratio of the roots.
            shrink = np.sqrt(size / len(truth))
            ends = (np.quantile(resampled, [0.025, 0.975]) - value) * shrink + value
            low, high = float(ends[0]), float(ends[1])
        metrics.append(Metric(name=name, value=value, low=low, high=high))
    return metrics


def _score(score: Any, answered: _Answered, truth: Any, rows: Any) -> float:
    with warnings.catch_warnings(), sklearn.config_context(skip_parameter_validation=True):
        warnings.simplefilter("ignore")
        value = float(score(answered, rows, truth[rows]))
    if not math.isfinite(value):
        raise ValueError(
            f"it has no value on these {len(rows)} held-out rows (different targets: "
            f"{len(np.unique(truth[rows]))})"
        )
    return value


def profile(model: OnnxModel, inputs: pd.DataFrame) -> Profile:
    """Return the distribution of every column, and of the model's predictions on these rows."""
    outputs = model.run(inputs)
    if model.classes_.size == 2 and model.has_probabilities:
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
    finite = present[np.isfinite(present)]  # infinity is counted, but is no edge
    if finite.size == 0:
        seen = present.size
        return FeatureProfile(name=name, kind="Numeric", counts=[seen], missing=len(values) - seen)
    edges = np.unique(np.quantile(finite, np.arange(1, BINS) / BINS))
    # An edge at the minimum would leave the first bin empty for ever.
    edges = edges[edges > finite.min()]
    counts = np.bincount(np.searchsorted(edges, present, side="right"), minlength=edges.size + 1)
    return FeatureProfile(
        name=name,
        kind="Numeric",
        edges=edges.tolist(),
        counts=counts.tolist(),
        missing=len(values) - present.size,
        minimum=float(finite.min()),
        maximum=float(finite.max()),
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
