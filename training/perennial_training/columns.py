"""Columns as a model takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd


def columns(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return features as a model takes them: float32, NaN for missing; or text, '' for missing.

    Raises:
        KeyError: the frame has no such column.
    """
    return pd.DataFrame({name: column(frame[name]) for name in names}, index=frame.index)


def column(values: pd.Series[Any]) -> pd.Series[Any]:
    """Return one feature as a model takes it."""
    if pd.api.types.is_numeric_dtype(values):
        return values.astype("float32")
    return values.astype("object").where(values.notna(), "").astype(str)
