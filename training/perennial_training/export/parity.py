"""Whether the exported model answers as scikit-learn does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perennial_training.export.model import OnnxModel
from perennial_training.failure import TrainingFailure

TOLERANCE = 1e-4
"""How far apart answers may be: in probability, or as a share of the answers' spread."""
DISAGREEING_ROWS = 1e-3
"""A row on a jump of a model may fall to the other side by rounding: at most this share may."""
RESOLUTION = 2.0**-22
"""A number is served in single precision: that much of it is within its last two digits."""


@dataclass(frozen=True)
class Parity:
    """How many rows are answered otherwise, and how."""

    rows: int
    disagreeing: int
    labels: int | None
    """Rows with another label; None for numbers."""
    largest: float
    """The largest difference: of a probability, or in the answers' own unit; NaN is possible."""
    spread: float
    """Standard deviation of scikit-learn's answers, where they are numbers."""

    @property
    def share(self) -> float:
        """Share of the rows that are answered otherwise."""
        return self.disagreeing / max(self.rows, 1)

    def __str__(self) -> str:
        """Say how many rows, by how much, and what it would change."""
        message = f"ONNX and scikit-learn disagree on {self.disagreeing:,} of {self.rows:,} rows"
        if self.labels is None:
            share = f"{100 * self.largest / self.spread:.2g} %" if self.spread else "more than all"
            return (
                f"{message}, by up to {self.largest:.3g}, which is {share} of the answers' spread"
            )
        by = f", by up to {self.largest:.2g} in probability" if self.largest else ""
        return f"{message}{by}; {self.labels:,} would get another label"


def compare(fitted: Any, served: OnnxModel, inputs: pd.DataFrame) -> Parity:
    """Compare both models' answers to rows; NaN agrees with nothing.

    Rows disagree where a probability is apart by more than ``TOLERANCE``, or a number by more than
    that share of the standard deviation of all expected numbers: what matters of an error is how
    large it is beside what the model tells apart. Where there are no probabilities, labels count.
    """
    labels: int | None = None
    spread = 0.0
    if not len(served.classes_):
        expected: NDArray[Any] = np.asarray(fitted.predict(inputs), dtype=np.float64)
        apart = np.abs(expected - served.predict(inputs))
        spread = float(expected.std())
        allowed = TOLERANCE * spread + RESOLUTION * np.abs(expected)
    else:
        outputs = served.run(inputs)
        other = np.asarray(fitted.predict(inputs)).astype(str) != outputs[0].ravel().astype(str)
        labels = int(other.sum())
        apart, allowed = other.astype(np.float64), np.full(len(other), TOLERANCE)
        if served.has_probabilities:
            shares = np.asarray(fitted.predict_proba(inputs))
            first, second = np.sort(shares, axis=1)[:, [-1, -2]].T
            # Another label is only right where two classes are as probable.
            allowed[other & (first - second > 2 * TOLERANCE)] = -1.0
            apart = np.abs(shares - outputs[1]).max(axis=1)
    largest = float(np.max(apart, initial=0.0)) if labels is None or served.has_probabilities else 0
    return Parity(
        rows=len(inputs),
        disagreeing=int((~(apart <= allowed)).sum()),
        labels=labels,
        largest=largest,
        spread=spread,
    )


def check_parity(fitted: Any, served: OnnxModel, inputs: pd.DataFrame) -> Parity:
    """Check that ONNX answers as scikit-learn does; return how nearly.

    Raises:
        TrainingFailure: they disagree on more than one row in a thousand.
    """
    found = compare(fitted, served, inputs)
    if found.share > DISAGREEING_ROWS:
        raise TrainingFailure(
            "ParityFailed",
            f"{found}; nothing was published, since what is served would not be what was "
            "trained: use another algorithm, or report this as a fault of the export",
        )
    return found
