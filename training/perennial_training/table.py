"""Rows as the trainer works with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Table:
    """Inputs, target and moment of the same rows."""

    inputs: pd.DataFrame
    """A column a feature: float32 for numbers, text for all else."""
    target: pd.Series[Any]
    moments: pd.Series[Any] | None
    """When each row happened, None where the dataset names no time column."""

    def plus(self, other: Table) -> Table:
        """Return the rows of both."""
        moments = None
        if self.moments is not None and other.moments is not None:
            moments = pd.concat([self.moments, other.moments], ignore_index=True)
        return Table(
            inputs=pd.concat([self.inputs, other.inputs], ignore_index=True),
            target=pd.concat([self.target, other.target], ignore_index=True),
            moments=moments,
        )

    def picked(self, rows: pd.Index[Any]) -> Table:
        """Return these rows, in this order."""
        moments = self.moments.loc[rows] if self.moments is not None else None
        return Table(self.inputs.loc[rows], self.target.loc[rows], moments)


def feature(values: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column as a model takes it: float32 with NaN, or text with '' for missing."""
    if pd.api.types.is_numeric_dtype(values):
        return values.astype("float32")
    return values.astype("object").where(values.notna(), "").astype(str)
