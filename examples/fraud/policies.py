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

LIVE = 4
"""The first month that is scored; a model of the months before is in use by then."""
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


def live_rows(rows: pd.DataFrame, until: int = 12) -> pd.DataFrame:
    """Return the payments from the first live month to before another."""
    return rows[(rows["day"] >= LIVE * MONTH) & (rows["day"] < until * MONTH)]


def fitted(rows: pd.DataFrame) -> Any:
    """Return the model of training.yaml, fitted to payments."""
    spec = yaml.safe_load((Path(__file__).parent / "training.yaml").read_text())["spec"]
    parameters = spec["candidates"][0]["parameters"]
    model = HistGradientBoostingClassifier(
        **parameters, categorical_features="from_dtype", random_state=0
    )
    return model.fit(_inputs(rows), rows["fraud"])


def scored(model: Any, rows: pd.DataFrame) -> np.ndarray:
    """Return a model's probability of fraud of each payment."""
    found: np.ndarray = model.predict_proba(_inputs(rows))[:, 1]
    return found


def _inputs(rows: pd.DataFrame) -> pd.DataFrame:
    kind = pd.CategoricalDtype(sorted(CATEGORIES))
    return rows[FEATURES].assign(category=rows["category"].astype(kind))


def first_model(rows: pd.DataFrame) -> Any:
    """Return the model that all begin with."""
    return fitted(training_rows(rows, _begin(LIVE), TRAINED_DAYS))


def never(rows: pd.DataFrame, until: int = 12) -> Policy:
    """Keep the first model for ever."""
    return Policy("never retrained", scored(first_model(rows), live_rows(rows, until)), 0)


def by_calendar(rows: pd.DataFrame, until: int = 12) -> Policy:
    """Retrain before each month, with the labels known by then."""

    def known(month: int) -> pd.DataFrame:
        return training_rows(rows, _begin(month), TRAINED_DAYS)

    models = [fitted(known(month)) for month in range(LIVE, until)]
    return _monthly("by the calendar", rows, models)


def oracle(rows: pd.DataFrame, until: int = 12) -> Policy:
    """Retrain before each month with the truth of all payments before, which nobody has."""
    models = []
    for month in range(LIVE, until):
        is_recent = (rows["day"] < month * MONTH) & (rows["day"] >= month * MONTH - TRAINED_DAYS)
        models.append(fitted(rows[is_recent]))
    return _monthly("oracle", rows, models)


def _monthly(name: str, rows: pd.DataFrame, models: list[Any]) -> Policy:
    live = live_rows(rows, LIVE + len(models))
    month = (live["day"] // MONTH).astype(int)
    parts = [scored(model, live[month == LIVE + n]) for n, model in enumerate(models)]
    return Policy(name, np.concatenate(parts), len(models) - 1)


def _begin(month: int) -> pd.Timestamp:
    return START + pd.Timedelta(days=month * MONTH)
