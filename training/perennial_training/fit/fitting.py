"""Fit one estimator with given parameters."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from perennial_artifact.manifest import Column
from perennial_training.failure import TrainingFailure
from perennial_training.fit.algorithms import Algorithm
from perennial_training.fit.fitted import Fitted
from perennial_training.fit.parameters import estimator, settled
from perennial_training.fit.preprocessing import learn

Note = Callable[[str], None]
"""Told what a person should know about a fit, a sentence each."""

NOTES = 3
"""Warnings of a fit that are told; the same one often comes with many numbers."""


def silent(_: str) -> None:
    """Tell nobody."""


def fit_one(
    algorithm: Algorithm,
    parameters: dict[str, Any],
    inputs: pd.DataFrame,
    columns: Sequence[Column],
    target: pd.Series[Any],
    note: Note = silent,
) -> Fitted:
    """Return preprocessing and estimator, fitted to rows.

    Raises:
        TrainingFailure: a parameter is unknown or has a value that it cannot have
            (ParametersInvalid), or the estimator refuses the rows (FitFailed).
    """
    truth = np.asarray(target.to_numpy())
    classes = list(np.unique(truth)) if algorithm.task == "Classification" else []
    preprocessing = learn(inputs, columns, algorithm)
    made = estimator(algorithm, settled(algorithm, parameters, classes, preprocessing.features()))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        try:
            made.fit(preprocessing.transform(inputs), truth)
        except Exception as error:
            raise TrainingFailure(
                "FitFailed", f"{algorithm.name} cannot be fitted: {first_line(error)}"
            ) from error
    # What a later scikit-learn changes is no matter of this fit.
    own = [w for w in caught if not issubclass(w.category, FutureWarning | DeprecationWarning)]
    for text in sorted({first_line(w.message) for w in own})[:NOTES]:
        note(f"{algorithm.name}: {text}")
    return Fitted(algorithm, preprocessing, made)


def first_line(said: Warning | str | Exception) -> str:
    """Return the first line of an error or a warning that says something."""
    lines = [line.strip() for line in str(said).splitlines() if line.strip()]
    return lines[0] if lines else type(said).__name__
