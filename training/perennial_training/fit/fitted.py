"""Preprocessing and estimator, fitted: what ONNX has to agree with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.metaestimators import available_if

from perennial_training.fit.algorithms import Algorithm
from perennial_training.fit.preprocessing import Preprocessing

CHUNK = 10_000
"""Rows that are answered at a time: features of a category column are many."""


def _gives_probabilities(fitted: Fitted) -> bool:
    return hasattr(fitted.estimator, "predict_proba")


@dataclass(frozen=True)
class Fitted:
    """A fitted model that takes columns, and that scikit-learn's scorers take."""

    algorithm: Algorithm
    preprocessing: Preprocessing
    estimator: Any

    @property
    def _estimator_type(self) -> str:
        return "classifier" if self.algorithm.task == "Classification" else "regressor"

    @property
    def classes_(self) -> NDArray[Any]:
        """The classes, in the order of the columns of probabilities; none for regression."""
        none: NDArray[Any] = np.empty(0)
        is_classifier = self.algorithm.task == "Classification"
        return np.asarray(self.estimator.classes_) if is_classifier else none

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn's scorers what this is."""
        from sklearn.utils import get_tags

        return get_tags(self.estimator)

    def __sklearn_is_fitted__(self) -> bool:
        """Tell scikit-learn that this is fitted."""
        return True

    def fit(self, *_: Any) -> Fitted:
        """Return self."""
        return self

    def predict(self, inputs: pd.DataFrame) -> NDArray[Any]:
        """Return labels or numbers, shape [n]."""
        return self._answer(self.estimator.predict, inputs).ravel()

    @available_if(_gives_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, inputs: pd.DataFrame) -> NDArray[Any]:
        """Return probabilities, shape [n, classes]."""
        return self._answer(self.estimator.predict_proba, inputs)

    def _answer(self, question: Any, inputs: pd.DataFrame) -> NDArray[Any]:
        pieces = [inputs.iloc[i : i + CHUNK] for i in range(0, max(len(inputs), 1), CHUNK)]
        answers = [np.asarray(question(self.preprocessing.transform(p))) for p in pieces]
        return np.concatenate(answers)
