"""What a request log holds, in the terms of the dataset's own columns."""

from __future__ import annotations

import json
import math
from typing import Any

import pandas as pd

from perennial_training.columns import column
from perennial_training.failure import TrainingFailure

_UNITS = (1, 10**3, 10**6, 10**9)
"""Units of Unix time, by how many of them make a second."""
_YEAR_1990, _YEAR_2100 = 631_152_000, 4_102_444_800
"""Seconds since 1970; moments between the two tell the unit of a number by its size."""


def feature_like(logged: pd.Series[Any], feature: pd.Series[Any]) -> pd.Series[Any]:
    """Return a logged input as the dataset's feature; what is no number there is missing."""
    if feature.dtype.kind == "f":
        return pd.to_numeric(logged, errors="coerce").astype(feature.dtype)
    return column(logged.astype("object"))


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
    """Return times in UTC as a time column has them.

    A column without a zone is taken for UTC, a column of numbers for Unix time.

    Raises:
        TrainingFailure: the column's numbers are no times.
    """
    if isinstance(moments.dtype, pd.DatetimeTZDtype):
        return times.astype(moments.dtype)
    if moments.dtype.kind == "M":
        naive: pd.Series[Any] = times.dt.tz_localize(None)
        return naive.astype(moments.dtype)
    middle = float(moments.median())
    for per_second in _UNITS:
        if _YEAR_1990 <= middle / per_second <= _YEAR_2100:
            since_1970 = times.astype("datetime64[ns, UTC]").astype("int64")
            return (since_1970 // (10**9 // per_second)).astype(moments.dtype)
    raise TrainingFailure(
        "FeedbackInvalid",
        f"dataset.timeColumn {moments.name} holds numbers such as {moments.iloc[0]}, which are no "
        "Unix time, so logged requests have no place among them: use timestamps",
    )
