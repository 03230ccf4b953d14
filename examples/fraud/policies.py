"""Ways to keep a model of fraud without Perennial: never, by the calendar, knowing all at once.

The model is that of ``training.yaml``, fitted by plain scikit-learn.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from sklearn.ensemble import HistGradientBoostingClassifier

from fraud.data import CATEGORIES, FEATURES, MONTH, START, training_rows

LIVE = range(4, 12)
"""The months that are scored; a model of those before is in use by then."""
TRAINED_DAYS = 90.0


@dataclass(frozen=True)
class Policy:
    """A way to keep the model, and what came of it."""

    name: str
    scores: np.ndarray
    """Of the live payments, in their order."""
    retrainings: int


def with_days(rows: pd.DataFrame) -> pd.DataFrame:
    """Return payments with ``day``: days since the year began."""
    return rows.assign(day=(rows["time"] - START) / pd.Timedelta(days=1))


def live_rows(rows: pd.DataFrame, months: range = LIVE) -> pd.DataFrame:
    """Return the payments of some months."""
    return rows[(rows["day"] >= months.start * MONTH) & (rows["day"] < months.stop * MONTH)]


def fitted(rows: pd.DataFrame) -> Any:
    """Return the model of training.yaml, fitted to payments."""
    spec = yaml.safe_load((Path(__file__).parent / "training.yaml").read_text())["spec"]
    parameters = spec["candidates"][0]["parameters"]
    model = HistGradientBoostingClassifier(
        **parameters, categorical_features="from_dtype", random_state=0
    )
    return model.fit(inputs(rows), rows["fraud"])


def scored(model: Any, rows: pd.DataFrame) -> np.ndarray:
    """Return a model's probability of fraud of each payment."""
    found: np.ndarray = model.predict_proba(inputs(rows))[:, 1]
    return found


def inputs(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what a model is asked about payments."""
    kind = pd.CategoricalDtype(sorted(CATEGORIES))
    return rows[FEATURES].assign(category=rows["category"].astype(kind))


def first_model(rows: pd.DataFrame, months: range = LIVE) -> Any:
    """Return the model that all begin with."""
    return fitted(training_rows(rows, _begin(months.start), TRAINED_DAYS))


def never(rows: pd.DataFrame, months: range = LIVE) -> Policy:
    """Keep the first model for ever."""
    return Policy("never retrained", scored(first_model(rows, months), live_rows(rows, months)), 0)


def by_calendar(rows: pd.DataFrame, months: range = LIVE) -> Policy:
    """Retrain before each month, with the labels known by then."""

    def known(month: int) -> pd.DataFrame:
        return training_rows(rows, _begin(month), TRAINED_DAYS)

    models = [fitted(known(month)) for month in months]
    return _monthly("by the calendar", rows, models, months)


def oracle(rows: pd.DataFrame, months: range = LIVE) -> Policy:
    """Retrain before each month with the truth of all payments before, which nobody has."""
    models = []
    for month in months:
        is_recent = (rows["day"] < month * MONTH) & (rows["day"] >= month * MONTH - TRAINED_DAYS)
        models.append(fitted(rows[is_recent]))
    return _monthly("oracle", rows, models, months)


def _monthly(name: str, rows: pd.DataFrame, models: list[Any], months: range) -> Policy:
    live = live_rows(rows, months)
    month = (live["day"] // MONTH).astype(int)
    parts = [scored(m, live[month == n]) for n, m in zip(months, models, strict=True)]
    return Policy(name, np.concatenate(parts), len(models) - 1)


def _begin(month: int) -> pd.Timestamp:
    return START + pd.Timedelta(days=month * MONTH)
