"""How a value, and that there is none, is written: the one way for training and for serving.

=========  ==================================================  =======
kind       a value                                             missing
=========  ==================================================  =======
Number     float64                                             NaN
Boolean    float64: 1 and 0                                    NaN
Time       float64: seconds since 1970, UTC                    NaN
Category   str, as it is written; a whole number without .0,   ``""``
           ``true`` and ``false``, a date in ISO 8601
=========  ==================================================  =======
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from perennial_artifact.manifest import Kind
from perennial_training.prepare.moments import moments
from perennial_training.prepare.numbers import booleans, numbers
from perennial_training.prepare.plain import is_number, plain
from perennial_training.prepare.texts import as_text, objects


def is_missing(values: pd.Series[Any], kind: Kind) -> pd.Series[Any]:
    """Tell which values of a column of that kind are missing. Index kept."""
    return values == "" if kind == "Category" else values.isna()


def as_kind(values: pd.Series[Any], kind: Kind) -> pd.Series[Any]:
    """Return values as a column of that kind has them; what does not fit is missing. Index kept.

    Values of any type are taken, so that what a request log holds becomes what a dataset holds.
    What is of the kind already stays as it is: numbers are Times in seconds since 1970.
    """
    array = plain(_arrow(values))
    found: NDArray[Any]
    if kind == "Category":
        found = objects(as_text(array))
    elif kind == "Boolean":
        found = booleans(array).values
    elif kind == "Number" or is_number(array.type):
        found = numbers(array).values
    else:
        found = moments(array).values
    return pd.Series(found, index=values.index, name=values.name, dtype=found.dtype)


def _arrow(values: pd.Series[Any]) -> pa.ChunkedArray:
    try:
        array = pa.array(values, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError):  # objects of several types
        array = pa.array([_written(value) for value in values], pa.large_string())
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def _written(value: Any) -> str | None:
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return None
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)
