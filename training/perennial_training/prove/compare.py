"""A candidate beside the champion: on the same rows, and on the same resamples of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perennial_artifact.result import Comparison
from perennial_training.failure import TrainingFailure
from perennial_training.prove.answers import Answers, Judged
from perennial_training.prove.intervals import bca, shrunk
from perennial_training.prove.names import NO_INTERVAL
from perennial_training.prove.resamples import Resampling, resample, resampling
from perennial_training.prove.scoring import score_of_all, score_of_rows, scorer
from perennial_training.prove.statistics import statistic

CONFIDENCE = 0.9
"""Of the interval of a difference: an equal candidate is below it in about one of twenty runs."""


def compare(
    names: Sequence[str],
    ours: Answers,
    theirs: Answers,
    target: pd.Series[Any] | NDArray[Any],
    confidence: float = CONFIDENCE,
) -> list[Comparison]:
    """Return each metric of a candidate and of the champion, with the interval of the difference.

    The interval is the BCa bootstrap's of candidate less champion, both on the same resamples, so
    that what is hard for both is no difference. It is None where most resamples have no value, and
    for the largest error, which cannot be resampled. A metric that the champion has no value of,
    as one of probabilities that it does not give, is left out.

    Args:
        names: scikit-learn's scorers.
        ours: the candidate's answers on n rows that neither model learned from.
        theirs: the champion's on the same rows, asked with the same classes and positive one.
        target: the truth of these rows.
        confidence: what the interval of the difference is to cover.

    Raises:
        TrainingFailure: there is no such scorer, or it has no value for the candidate's answers.
        ValueError: the two were not asked about the same rows, or by other classes.
    """
    if ours.classes != theirs.classes:
        raise ValueError("the two models are measured by different classes")
    sides = [answers.beside(target) for answers in (ours, theirs)]
    different = [name for name in dict.fromkeys(names) if _has_value(sides[1], name)]
    values = [[score_of_all(side, name) for side in sides] for name in different]
    statistics = [
        statistic(side, name, partial(score_of_rows, side, name))
        for name in different
        for side in sides
        if name not in NO_INTERVAL
    ]
    plan = resampling(sides[0], confidence)
    resampled = iter(resample(plan, statistics))
    found = []
    for name, (value, champion) in zip(different, values, strict=True):
        low = high = None
        if name not in NO_INTERVAL:
            (mine, mine_without), (its, its_without) = next(resampled), next(resampled)
            without = mine_without - its_without
            low, high = _ends(value - champion, mine - its, without, plan, confidence)
        found.append(Comparison(name=name, value=value, champion=champion, low=low, high=high))
    return found


def _has_value(judged: Judged, name: str) -> bool:
    scorer(name)  # one that there is not is no fault of the champion
    try:
        score_of_all(judged, name)
    except TrainingFailure:
        return False
    return True


def _ends(
    difference: float,
    resampled: NDArray[np.float64],
    without: NDArray[np.float64],
    plan: Resampling,
    confidence: float,
) -> tuple[float | None, float | None]:
    known = resampled[np.isfinite(resampled)]
    if known.size >= resampled.size / 2 and known.size and known.min() == known.max():
        # As where both give the same answers: then the rows do tell that there is no difference.
        return difference, difference
    ends = bca(difference, resampled, without, confidence, plan.rarest)
    return shrunk(ends, difference, plan.shrink) or (None, None)
