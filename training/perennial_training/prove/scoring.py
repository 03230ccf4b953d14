"""One metric of known answers, by scikit-learn's own scorer."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import sklearn
from sklearn import metrics
from sklearn.metrics import get_scorer, make_scorer

from perennial_training.failure import TrainingFailure
from perennial_training.prove import names
from perennial_training.prove.answers import Judged
from perennial_training.prove.statistics import Rows

# These need to be told the classes where one is in none of the rows.
_WITH_LABELS = {
    "neg_log_loss": (metrics.log_loss, False),
    "neg_brier_score": (metrics.brier_score_loss, False),
    "d2_log_loss_score": (metrics.d2_log_loss_score, True),
    "d2_brier_score": (metrics.d2_brier_score, True),
    "top_k_accuracy": (metrics.top_k_accuracy_score, True),
}


def scorer(name: str) -> Any:
    """Return a scorer by scikit-learn's own name.

    Raises:
        TrainingFailure: there is none of that name.
    """
    if not names.known(name):
        raise invalid(f"{name} is no scorer of scikit-learn; {names.similar(name)}")
    return get_scorer(name)


def score_of_rows(judged: Judged, name: str, rows: Rows) -> float:
    """Return a metric of some of the rows, which may be drawn more than once.

    Args:
        judged: the answers beside the truth.
        name: the scorer's.
        rows: their numbers, shape [m].

    Raises:
        ValueError: it has no value there.
        AttributeError: it needs probabilities that are not there.
    """
    truth = judged.truth[rows]
    judge = scorer(name)
    if name in _WITH_LABELS and len(np.unique(truth)) < judged.classes:
        function, greater = _WITH_LABELS[name]
        labels = np.arange(judged.classes)
        judge = make_scorer(
            function, response_method="predict_proba", greater_is_better=greater, labels=labels
        )
    model = judged.estimator(one_against_rest=name in names.ONE_POSITIVE)
    with warnings.catch_warnings(), sklearn.config_context(skip_parameter_validation=True):
        warnings.simplefilter("ignore")
        value = float(judge(model, rows, truth))
    if not math.isfinite(value):
        raise ValueError(f"it has no value on these {len(truth)} rows")
    return value


def score_of_all(judged: Judged, name: str) -> float:
    """Return a metric of all rows.

    Raises:
        TrainingFailure: there is no such scorer, or it has no value for these answers.
    """
    try:
        return score_of_rows(judged, name, np.arange(len(judged)))
    except AttributeError as error:
        raise invalid(without_probabilities(name)) from error
    except (TypeError, ValueError) as error:
        message = (str(error).splitlines() or [type(error).__name__])[0]
        raise invalid(f"{name} cannot be computed: {message}") from error


def without_probabilities(name: str) -> str:
    """Return what to do about a metric that needs probabilities where there are none."""
    return (
        f"{name} needs probabilities, which this algorithm does not give: use a metric of labels "
        "such as accuracy, or another algorithm"
    )


def invalid(message: str) -> TrainingFailure:
    """Return the failure of a metric that cannot be had."""
    return TrainingFailure("MetricInvalid", message)
