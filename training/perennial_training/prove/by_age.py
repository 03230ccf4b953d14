"""A candidate beside the champion on recent rows, and on older ones.

Recent are the newest labelled rows, as far as they are newer than what the champion learned from:
than the newest row of its most frequent class, for labels of others may come earlier. Both models
have learned from neither part. So the first says what learning anew brings for the traffic of
today, and the second what it costs for that of before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perennial_artifact.result import ByAge, OnRows
from perennial_training.failure import TrainingFailure
from perennial_training.prove.answers import Answers
from perennial_training.prove.compare import CONFIDENCE, compare
from perennial_training.prove.labels import texts

FEWEST_ROWS, FEWEST_OF_RARER = 200, 20
"""With fewer rows, or fewer of them of another class than the most frequent one, a part says
nothing of a model."""
RECENT_ROWS, RECENT_OF_RARER = 2_000, 100
"""Recent rows go back until there are so many: more would only be older."""

Flags = NDArray[np.bool_]


def confidence_among(candidates: int) -> float:
    """Return what the interval of each candidate covers: none of some is better by luck alone."""
    return 1 - (1 - CONFIDENCE) / max(candidates, 1)


def by_age(
    metric: str,
    ours: Answers,
    theirs: Answers,
    target: pd.Series[Any],
    times: NDArray[np.float64],
    since: float,
    candidates: int,
    spoken: Callable[[float], str],
) -> ByAge:
    """Return the objective's metric of both models on recent rows, and on older ones.

    Args:
        metric: a scikit-learn scorer.
        ours: the candidate's answers on n rows that neither model learned from.
        theirs: the champion's.
        target: the truth.
        times: of the rows, shape [n].
        since: the newest row of the most frequent class that the champion had, learned or held out.
        candidates: of the run.
        spoken: writes a time.
    """
    truth = texts(np.asarray(target)) if ours.classes else None
    recent = _newest(times, times > since, truth)
    confidence = confidence_among(candidates)

    def part(rows: Flags) -> OnRows:
        return _on(rows, metric, ours, theirs, target, times, truth, confidence, spoken)

    return ByAge(recent=part(recent), older=part(~recent), confidence=confidence)


def unknown(why: str, candidates: int) -> ByAge:
    """Return that it is not known which rows are recent."""
    none = OnRows(rows=0, unknown=why[:256])
    return ByAge(recent=none, older=none, confidence=confidence_among(candidates))


def _newest(times: NDArray[np.float64], rows: Flags, truth: NDArray[Any] | None) -> Flags:
    """Return the newest of some rows, all of one moment together: as many as it takes."""
    order = np.flatnonzero(rows)[np.argsort(-times[rows], kind="stable")]
    enough = np.arange(1, len(order) + 1) >= RECENT_ROWS
    if truth is not None and len(order):
        frequent = _most_frequent(truth[order])
        enough &= np.cumsum(truth[order] != frequent) >= RECENT_OF_RARER
    if not enough.any():
        return rows
    found: Flags = rows & (times >= times[order[int(np.argmax(enough))]])
    return found


def _most_frequent(truth: NDArray[Any]) -> Any:
    names, counts = np.unique(truth.astype(str), return_counts=True)
    return names[int(np.argmax(counts))]


def _on(
    rows: Flags,
    metric: str,
    ours: Answers,
    theirs: Answers,
    target: pd.Series[Any],
    times: NDArray[np.float64],
    truth: NDArray[Any] | None,
    confidence: float,
    spoken: Callable[[float], str],
) -> OnRows:
    count = int(rows.sum())
    if not count:
        return OnRows(rows=0, unknown="there are none")
    there = OnRows(count, spoken(times[rows].min()), spoken(times[rows].max()))
    if count < FEWEST_ROWS:
        return there.replace(unknown=f"at least {FEWEST_ROWS} are needed")
    if truth is not None:
        frequent = _most_frequent(truth[rows])
        others = int((truth[rows] != frequent).sum())
        if others < FEWEST_OF_RARER:
            why = f"{others} of them are not {frequent}, and at least {FEWEST_OF_RARER} are needed"
            return there.replace(unknown=why[:256])
    try:
        found = compare([metric], ours.of(rows), theirs.of(rows), target[rows], confidence)
    except TrainingFailure as failure:  # as of a curve where a class is in none of them
        return there.replace(unknown=str(failure)[:256])
    if not found:
        return there.replace(unknown=f"the champion has no {metric} there")
    return there.replace(compared=found[0])
