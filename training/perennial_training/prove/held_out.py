"""How often each score was right on rows that the model did not learn from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perennial_artifact.profile import HeldOut
from perennial_artifact.scores import BOUNDS
from perennial_artifact.sketch import rounded
from perennial_training.prove.answers import Answers
from perennial_training.prove.labels import texts


def held_out(answers: Answers, target: pd.Series[Any] | NDArray[Any]) -> HeldOut | None:
    """Return the labels by score; None but for a model that gives probabilities of two classes.

    Args:
        answers: of the model on held-out rows, n of them.
        target: their labels, shape [n].

    Raises:
        ValueError: there are not as many targets as answers.
    """
    if answers.probabilities is None or len(answers.known) != 2:
        return None
    truth = texts(np.asarray(target))
    if len(truth) != len(answers):
        raise ValueError(f"{len(truth)} targets beside {len(answers)} answers")
    shares = answers.probabilities[:, 1]
    # As a server counts it: a single-precision number reaches a bound where the next such does.
    bounds = rounded(np.array(BOUNDS), np.inf) if shares.itemsize == 4 else np.array(BOUNDS)
    found = bounds.searchsorted(shares, "right")
    labels = {}
    for name in sorted(set(truth.tolist())):
        numbers, counts = np.unique(found[truth == name], return_counts=True)
        labels[name] = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
    return HeldOut(score="Probability", classes=list(answers.known), labels=labels)
