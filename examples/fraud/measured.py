"""How well payments were scored: by month, and how long after a new scheme it was found again."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score

from fraud.data import MONTH

BUDGET = 0.01
"""The share of a month's payments that people can look at: those with the highest scores."""
NEW_SCHEME = 240.0
"""The day on which the fourth scheme begins, at once."""
RECOVERED, RECENT_DAYS = 0.4, 15.0
"""Found again is the average precision of so many days from which on it is."""


@dataclass(frozen=True)
class Month:
    """One month of scores."""

    month: int
    average_precision: float
    recall: float
    """Share of the frauds that are within the budget."""
    false_positives: int
    """Honest payments within it."""
    alert_rate: float
    """Share of the payments with a score of 0.5 or more."""
    precision: float
    """Share of these that are fraud; NaN where there is none."""


def by_month(rows: pd.DataFrame, scores: np.ndarray) -> list[Month]:
    """Measure the scores of payments, each month by itself.

    Args:
        rows: payments, with ``day`` and ``fraud``.
        scores: one for each.
    """
    months = (rows["day"] // MONTH).astype(int).to_numpy()
    truth = rows["fraud"].to_numpy()
    return [_month(int(m), truth[months == m], scores[months == m]) for m in np.unique(months)]


def _month(month: int, truth: np.ndarray, scores: np.ndarray) -> Month:
    highest = np.argsort(-scores, kind="stable")[: round(BUDGET * len(scores))]
    caught = int(truth[highest].sum())
    is_alert = scores >= 0.5
    return Month(
        month=month,
        average_precision=float(average_precision_score(truth, scores)),
        recall=caught / max(1, int(truth.sum())),
        false_positives=len(highest) - caught,
        alert_rate=float(is_alert.mean()),
        precision=float(truth[is_alert].mean()) if is_alert.any() else float("nan"),
    )


def days_to_recover(rows: pd.DataFrame, scores: np.ndarray) -> float | None:
    """Return how many days after the new scheme's first its frauds are found; None where never.

    That is the end of the first ``RECENT_DAYS`` in which average precision is ``RECOVERED``.
    """
    day, truth = rows["day"].to_numpy(), rows["fraud"].to_numpy()
    for end in np.arange(NEW_SCHEME + RECENT_DAYS, day.max() + 1):
        recent = (day >= end - RECENT_DAYS) & (day < end)
        if average_precision_score(truth[recent], scores[recent]) >= RECOVERED:
            return float(end - NEW_SCHEME)
    return None
