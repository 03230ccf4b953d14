"""Metrics by scikit-learn's own names, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from perennial_artifact.manifest import Metric
from perennial_training.prove.answers import Answers
from perennial_training.prove.check import check
from perennial_training.prove.intervals import Interval, bca, shrunk, wilson, within
from perennial_training.prove.names import NO_INTERVAL
from perennial_training.prove.resamples import resample, resampling
from perennial_training.prove.scoring import score_of_all, score_of_rows, scorer
from perennial_training.prove.statistics import Statistic, proportion, statistic

__all__ = ["check", "measure", "score", "scorer"]


def score(answers: Answers, name: str, target: pd.Series[Any] | NDArray[Any]) -> float:
    """Return one metric without an interval, as for the trials of a search.

    Raises:
        TrainingFailure: there is no such scorer, or it has no value for these answers.
    """
    return score_of_all(answers.beside(target), name)


def measure(
    answers: Answers,
    names: Sequence[str],
    target: pd.Series[Any] | NDArray[Any],
    confidence: float = 0.95,
) -> list[Metric]:
    """Return each metric's value with an interval.

    Shares have Wilson's interval, all others the BCa bootstrap's. There is none where most
    resamples have no value, as with a very rare class, or where all have the same.

    Args:
        answers: of n held-out rows.
        names: scikit-learn's scorers; what is named twice is measured once.
        target: the truth of these rows.
        confidence: of the intervals; ``intervals.confidence_of_best`` for the best of many.

    Raises:
        TrainingFailure: there is no such scorer, or it does not fit the task or the rows.
    """
    judged = answers.beside(target)
    values = {name: score_of_all(judged, name) for name in dict.fromkeys(names)}
    found: dict[str, Interval] = {}
    statistics: dict[str, Statistic] = {}
    for name in values:
        share = proportion(judged, name)
        if share is not None:
            found[name] = wilson(*share, confidence)
        elif name not in NO_INTERVAL:
            statistics[name] = statistic(judged, name, partial(score_of_rows, judged, name))
    plan = resampling(judged, confidence)
    resampled = resample(plan, list(statistics.values()))
    for name, (drawn, without) in zip(statistics, resampled, strict=True):
        interval = bca(values[name], drawn, without, confidence, plan.rarest)
        found[name] = within(shrunk(interval, values[name], plan.shrink), name)
    measured = []
    for name, value in values.items():
        low, high = found.get(name) or (None, None)
        measured.append(Metric(name=name, value=value, low=low, high=high, confidence=confidence))
    return measured
