"""What a request log holds, in the terms of the dataset's own columns."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Hashable
from datetime import date
from typing import Any

import pandas as pd
from pandas.tseries.api import guess_datetime_format

from perennial_training.failure import TrainingFailure
from perennial_training.table import feature

_UNITS = (1, 10**3, 10**6, 10**9)
"""Units of Unix time, by how many of them make a second."""
_YEAR_1990, _YEAR_2100 = 631_152_000, 4_102_444_800
"""Seconds since 1970; moments between the two tell the unit of a number by its size."""


def feature_like(logged: pd.Series[Any], column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a logged input as the dataset's feature; what is no number there is missing."""
    if column.dtype.kind == "f":
        return pd.to_numeric(logged, errors="coerce").astype(column.dtype)
    return feature(logged.astype("object"))


def classes_like(labels: pd.Series[Any], target: pd.Series[Any]) -> pd.Series[Any]:
    """Return the labels that name one of the dataset's classes, as that class, index kept.

    A class that the dataset does not know is left out: one wrong label must not make one.
    """
    spelled: Callable[[Any], Hashable] = str
    if pd.api.types.is_numeric_dtype(target):
        spelled = lambda value: number(str(value).lower())  # noqa: E731
    known = {spelled(value): value for value in target.unique()}
    found = {i: known[spelled(v)] for i, v in labels.items() if spelled(v) in known}
    return pd.Series(list(found.values()), index=pd.Index(list(found)), dtype=target.dtype)


def numbers_like(labels: pd.Series[Any], target: pd.Series[Any]) -> pd.Series[Any]:
    """Return the labels that are finite numbers, index kept; whole where all numbers are."""
    values = [number(text) for text in labels]
    found: pd.Series[Any] = pd.Series(values, index=labels.index, dtype="float64").dropna()
    whole = target.dtype.kind in "iu" and bool((found % 1 == 0).all())
    return found.astype(target.dtype if whole else "float64")


def number(text: str) -> float | None:
    """Return the finite number that a JSON scalar says, true for 1; None for all else."""
    try:
        value = json.loads(text)
        return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
    except (ValueError, OverflowError):
        return None


def moments_like(times: pd.Series[Any], column: pd.Series[Any], name: str) -> pd.Series[Any]:
    """Return times in UTC as a time column has them: its type, zone and way of writing.

    A column without a zone is taken for UTC, a column of numbers for Unix time.

    Raises:
        TrainingFailure: the column holds no times.
    """
    made: pd.Series[Any]
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return times.astype(column.dtype)
    if column.dtype.kind == "M":
        made = times.dt.tz_localize(None).astype(column.dtype)
        return made
    present = column.dropna()
    sample = present.iloc[0] if len(present) else None
    if pd.api.types.is_numeric_dtype(column) and len(present):
        for per_second in _UNITS:
            if _YEAR_1990 <= float(present.median()) / per_second <= _YEAR_2100:
                since_1970 = times.astype("datetime64[ns, UTC]").astype("int64")
                return (since_1970 // (10**9 // per_second)).astype(column.dtype)
    if type(sample) is date:
        made = times.dt.date
        return made
    if isinstance(sample, str) and (style := guess_datetime_format(sample)) is not None:
        if sample.endswith("Z"):
            style = style.replace("%z", "Z")
        made = times.dt.tz_convert(pd.Timestamp(sample).tz or "UTC").dt.strftime(style)
        return made
    example = f", such as {sample!r}" if sample is not None else ""
    raise TrainingFailure(
        "FeedbackInvalid",
        f"the times of logged requests do not fit dataset.timeColumn {name}{example}: write it as "
        "timestamps, as text in ISO 8601 or as Unix time",
    )
