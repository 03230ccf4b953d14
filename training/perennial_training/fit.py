"""Build the pipeline of one candidate, search its parameters, fit it."""

from __future__ import annotations

import functools
import math
import random
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import all_estimators

from perennial_artifact.result import CandidateSpec, SearchSpaceSpec
from perennial_training.dataset import SEED
from perennial_training.evaluate import scorer
from perennial_training.failure import TrainingFailure

# These have no ONNX converter that agrees with them.
NOT_EXPORTABLE = frozenset(
    {
        "DummyClassifier",
        "DummyRegressor",
        "KernelRidge",
        "LabelPropagation",
        "LabelSpreading",
        "LinearSVC",
        "NearestCentroid",
        "RadiusNeighborsClassifier",
        "RadiusNeighborsRegressor",
        "TransformedTargetRegressor",
    }
)


@functools.cache  # scikit-learn imports and searches all of its modules for them
def _known(kind: str) -> dict[str, Any]:
    return {n: c for n, c in all_estimators(type_filter=kind) if n not in NOT_EXPORTABLE}


def estimator(task: str, algorithm: str, parameters: dict[str, Any]) -> Any:
    """Return a scikit-learn estimator by its own name, seeded where it can be.

    Raises:
        TrainingFailure: the name or a parameter is unknown.
    """
    kind = "classifier" if task == "Classification" else "regressor"
    known = _known(kind)
    if algorithm not in known:
        raise TrainingFailure(
            "UnknownAlgorithm",
            f"{algorithm} is no scikit-learn {kind} that exports to ONNX; try "
            f"HistGradientBoosting{kind.capitalize()} or another of its {len(known)} {kind}s",
        )
    try:
        made = known[algorithm](**parameters)
    except TypeError as error:
        raise TrainingFailure("ParametersInvalid", f"{algorithm}: {error}") from error
    if "random_state" in made.get_params() and "random_state" not in parameters:
        made.set_params(random_state=SEED)
    return made


def pipeline(model: Any, inputs: pd.DataFrame) -> Pipeline:
    """Return preprocessing and model as one pipeline that exports with one input per column."""
    # By position, so that a column may have any name.
    numeric = [i for i, d in enumerate(inputs.dtypes) if d.kind == "f"]
    categorical = [i for i in range(inputs.shape[1]) if i not in numeric]
    # Trees that split on NaN keep it; all others get the median and a common scale.
    keeps_missing = type(model).__name__.startswith("HistGradientBoosting")
    number: Any = (
        "passthrough"
        if keeps_missing
        else Pipeline([("impute", SimpleImputer(strategy="median")), ("scale", StandardScaler())])
    )
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False, max_categories=64)
    steps = [("number", number, numeric), ("category", one_hot, categorical)]
    return Pipeline([("columns", ColumnTransformer([s for s in steps if s[2]])), ("model", model)])


def draw(space: SearchSpaceSpec, rng: random.Random) -> Any:
    """Draw one value of a parameter's distribution."""
    if space.int_:
        return rng.randint(space.int_[0], space.int_[1])
    if space.float_:
        low, high = space.float_
        if space.log:
            return float(np.exp(rng.uniform(np.log(low), np.log(high))))
        return rng.uniform(low, high)
    return rng.choice(space.choice or [None])


def fit(
    task: str,
    candidate: CandidateSpec,
    metric: str,
    inputs: pd.DataFrame,
    target: pd.Series[Any],
) -> tuple[Pipeline, dict[str, Any]]:
    """Return the fitted pipeline and the parameters that it was fitted with.

    A search holds the last fifth of the training rows out; the held-out test rows stay unseen.

    Raises:
        TrainingFailure: the candidate cannot be fitted.
    """
    parameters = dict(candidate.parameters)
    judge = scorer(metric)
    try:
        if candidate.search is not None:
            rng = random.Random(SEED)
            cut = int(len(inputs) * 0.8)
            best: tuple[float, dict[str, Any]] | None = None
            for _ in range(candidate.search.trials):
                drawn = {k: draw(s, rng) for k, s in sorted(candidate.search.parameters.items())}
                tried = {**parameters, **drawn}
                made = pipeline(estimator(task, candidate.algorithm, tried), inputs)
                made.fit(inputs.iloc[:cut], target.iloc[:cut])
                score = float(judge(made, inputs.iloc[cut:], target.iloc[cut:]))
                if best is None or score > best[0] or math.isnan(best[0]):
                    best = (score, tried)
            assert best is not None
            parameters = best[1]
        fitted = pipeline(estimator(task, candidate.algorithm, parameters), inputs)
        fitted.fit(inputs, target)
    except TrainingFailure:
        raise
    except Exception as error:
        raise TrainingFailure(
            "FitFailed", f"{candidate.algorithm} cannot be fitted: {error}"
        ) from error
    return fitted, parameters
