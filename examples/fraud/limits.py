"""What limits a team would set before fraud changes: what the first model shows of a known month.

The limits of monitor.yaml are about 70 % of these.
"""

from dataclasses import dataclass

import pandas as pd

from fraud.data import MONTH, SETTLED_DAYS, START, training_rows
from fraud.policies import TRAINED_DAYS, fitted, live_rows, scored

SHOWN = 3
"""The month that a model of those before is tried on."""


@dataclass(frozen=True)
class Shown:
    """What a monitor would have counted of a month, once its labels had come."""

    alert_rate: float
    precision: float
    recall: float

    def __str__(self) -> str:
        return (
            f"alert rate {self.alert_rate:.2%}, precision {self.precision:.2f}, "
            f"recall {self.recall:.2f}"
        )


def shown(rows: pd.DataFrame) -> Shown:
    """Return how a model of the first three months does on the next one.

    Args:
        rows: a year's payments with ``day``; reports count that came within 30 days of its end.
    """
    begin, end = (START + pd.Timedelta(days=MONTH * month) for month in (SHOWN, SHOWN + 1))
    month = live_rows(rows, range(SHOWN, SHOWN + 1))
    alert = scored(fitted(training_rows(rows, begin, TRAINED_DAYS)), month) >= 0.5
    fraud = (month["known"] <= end + pd.Timedelta(days=SETTLED_DAYS)).to_numpy()
    caught = (alert & fraud).sum()
    return Shown(alert.mean(), caught / max(1, alert.sum()), caught / max(1, fraud.sum()))
