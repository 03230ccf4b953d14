"""Fit one candidate: check its inputs, rehearse it, search its parameters, fit it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from perennial_artifact.manifest import Column
from perennial_artifact.result import CandidateSpec
from perennial_training.export.rehearsal import rehearse
from perennial_training.failure import TrainingFailure
from perennial_training.fit.algorithms import algorithm
from perennial_training.fit.fitted import Fitted
from perennial_training.fit.fitting import Note, first_line, fit_one, silent
from perennial_training.fit.search import search, set_aside
from perennial_training.limits import check_inputs

Judge = Callable[[Any, pd.DataFrame, "pd.Series[Any]"], float]
"""Scores a fitted model on rows and their target; greater is better, as scikit-learn's scorers."""


def fit(
    task: str,
    candidate: CandidateSpec,
    judge: Judge,
    inputs: pd.DataFrame,
    columns: Sequence[Column],
    target: pd.Series[Any],
    *,
    groups: pd.Series[Any] | None = None,
    time_ordered: bool = False,
    note: Note = silent,
) -> tuple[Fitted, dict[str, Any]]:
    """Return the fitted model and the parameters that it was fitted with.

    ``inputs`` has a column for each of ``columns``: floats with NaN for missing (a Time in seconds
    since 1970), text with '' for missing. Only training rows are given; a search sets some of them
    aside (``set_aside``), and the last fit is on all.

    Raises:
        TrainingFailure: the candidate cannot be fitted, or could not be exported if it were.
    """
    check_inputs(columns, task)
    chosen = algorithm(task, candidate.algorithm)
    given = {**chosen.defaults_for(target), **candidate.parameters}
    rehearsed: dict[str, TrainingFailure | None] = {}

    def check(parameters: dict[str, Any]) -> None:
        """Rehearse what was not rehearsed yet; numbers do not decide what can be exported."""
        kind = json.dumps({k: _kind(v) for k, v in sorted(parameters.items())})
        if kind not in rehearsed:
            rehearsed[kind] = None
            try:
                rehearse(chosen, parameters, inputs, columns, target)
            except TrainingFailure as failure:
                rehearsed[kind] = failure
        known = rehearsed[kind]
        if known is not None:
            raise known

    parameters = given
    if candidate.search is not None:
        learned, judged = set_aside(task, target, groups, time_ordered)

        def score(drawn: dict[str, Any]) -> float:
            check({**given, **drawn})
            parts = inputs.iloc[learned], columns, target.iloc[learned]
            fitted = fit_one(chosen, {**given, **drawn}, *parts)
            try:
                return float(judge(fitted, inputs.iloc[judged], target.iloc[judged]))
            except TrainingFailure:
                raise
            except Exception as error:
                raise TrainingFailure(
                    "MetricInvalid", f"the metric cannot be computed: {first_line(error)}"
                ) from error

        trials = search(candidate.search, score)
        if trials.failed:
            note(
                f"{len(trials.failed)} of {candidate.search.trials} trials failed and count as "
                f"worst; the first: {trials.failed[0]}"
            )
        parameters = {**given, **trials.parameters}
    else:
        check(parameters)
    return fit_one(chosen, parameters, inputs, columns, target, note), parameters


def _kind(value: Any) -> Any:
    """Return a value with all numbers alike; of objects, only that they are some."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return 0
    if isinstance(value, list):
        return [_kind(v) for v in value]
    return {} if isinstance(value, dict) else value
