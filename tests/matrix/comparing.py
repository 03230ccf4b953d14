"""What the server answers beside what scikit-learn says of the same rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from matrix.client import Answer

TOLERANCE = 1e-4
"""In probability, or in standard deviations of the answers."""
RESOLUTION = 2.0**-22
"""Of a number on the wire, which is FP32: the share of it that two last bits are."""

TINY = 1e-30


@dataclass(frozen=True)
class Agreement:
    """How many rows are answered otherwise, and by how much at most."""

    rows: int
    apart: int
    worst: float

    def __str__(self) -> str:
        return f"{self.apart} of {self.rows} rows apart, by up to {self.worst:.2g}"


def compare(fitted: Any, frame: pd.DataFrame, answers: Sequence[Answer], task: str) -> Agreement:
    """Return how far answers, one a row, are from the pipeline's own."""
    if task == "Regression":
        found = np.array([a["prediction"] for a in answers], dtype=np.float64).ravel()
        expected = np.asarray(fitted.predict(frame), dtype=np.float64).ravel()
        beyond = np.abs(found - expected) - RESOLUTION * np.abs(expected)
        distance = np.maximum(beyond, 0.0) / max(float(np.std(expected)), TINY)
    else:
        labels = np.array([a["label"] for a in answers]).ravel()
        expected = np.asarray(fitted.predict(frame)).ravel()
        distance = (labels.astype(str) != expected.astype(str)) * 1.0
        if hasattr(fitted, "predict_proba"):
            probabilities = np.asarray(fitted.predict_proba(frame))
            distance[_is_tie(probabilities)] = 0.0
            found = np.array([a["probabilities"] for a in answers], dtype=np.float64)
            away = np.abs(found.reshape(probabilities.shape) - probabilities).max(axis=1)
            distance = np.maximum(distance, away)
    apart = ~(distance <= TOLERANCE)  # a NaN agrees with nothing
    return Agreement(len(distance), int(apart.sum()), float(distance.max()))


def _is_tie(probabilities: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell where the two likeliest classes are as likely, and either may be the label."""
    first, second = np.sort(probabilities, axis=1)[:, :-3:-1].T
    return np.asarray(first - second <= TOLERANCE)
