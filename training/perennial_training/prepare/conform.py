"""What a request log holds, in the terms of the dataset's own columns."""

from __future__ import annotations

import json
import math
from typing import Any

import pandas as pd

from perennial_training.failure import TrainingFailure
from perennial_training.prepare.moments import YEAR_1990, YEAR_2100


def classes_like(labels: pd.Series[Any], target: pd.Series[Any]) -> pd.Series[Any]:
    """Return the labels that name one of the dataset's classes, as that class, index kept.

    A class that the dataset does not know is left out: one wrong label must not make one.
    """
    if pd.api.types.is_numeric_dtype(target):
        labels = numbers_like(labels)
    known = labels[labels.isin(target.unique())]
    return known.astype(target.dtype)


def numbers_like(labels: pd.Series[Any]) -> pd.Series[Any]:
    """Return the labels that are finite numbers, index kept."""
    values = [number(text) for text in labels]
    return pd.Series(values, index=labels.index, dtype="float64").dropna()


def number(text: str) -> float | None:
    """Return the finite number that a JSON scalar says, true for 1; None for all else."""
    try:
        value = json.loads(text)
        return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
    except (ValueError, OverflowError):
        return None


def moments_like(times: pd.Series[Any], moments: pd.Series[Any]) -> pd.Series[Any]:
    """Return times in UTC as a dataset's times are: seconds since 1970.

    Raises:
        TrainingFailure: the dataset's are numbers of another kind.
    """
    if not YEAR_1990 <= float(moments.median()) <= YEAR_2100:
        raise TrainingFailure(
            "FeedbackInvalid",
            f"dataset.timeColumn {moments.name} holds numbers such as {moments.iloc[0]:g}, which "
            "are no Unix time, so logged requests have no place among them: use timestamps",
        )
    microseconds = times.astype("datetime64[us, UTC]").astype("int64")
    return microseconds / 1e6
