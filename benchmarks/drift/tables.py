"""Real tables, and what happens to their columns."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from matrix.tables import TABLES

REFERENCE, WINDOW = 10_000, 1_000
"""Rows."""


@dataclass(frozen=True)
class Real:
    """A real table's columns, numbers and categories; a category that is missing is ''."""

    name: str
    rows: pd.DataFrame
    kinds: Mapping[str, str]
    number: str
    category: str
    """Columns that are changed."""


def real() -> list[Real]:
    """Return three tables of packages."""
    found = {t.name: t for t in TABLES}
    return [
        _columns(found["flights"].rows(), "flights", ["hour", "distance", "carrier", "origin"],
                 "distance", "origin"),
        _columns(found["diamonds"].rows(), "diamonds",
                 ["carat", "depth", "table", "price", "x", "y", "z", "cut", "color", "clarity"],
                 "price", "cut"),
        _columns(found["adult"].rows(), "adult",
                 ["age", "hours-per-week", "workclass", "education", "marital-status",
                  "occupation", "race", "gender"], "age", "workclass"),
    ]  # fmt: skip


def _columns(rows: pd.DataFrame, name: str, columns: list[str], number: str, category: str) -> Real:
    kinds = {
        c: "Numeric" if pd.api.types.is_numeric_dtype(rows[c]) else "Categorical" for c in columns
    }
    found = rows[columns].copy()
    for c in columns:
        if kinds[c] == "Categorical":
            found[c] = found[c].astype(object).where(found[c].notna(), "").astype(str)
        else:
            found[c] = found[c].astype(np.float32).astype(float)
    return Real(name, found, kinds, number, category)


SHIFTS = ("as ever", "a number's mean + 0.3 sd", "a category's share − 10 points", "5 % missing")


def changed(
    table: Real, window: pd.DataFrame, shift: str, rng: np.random.Generator
) -> pd.DataFrame:
    """Return a window as it is after a shift."""
    found = window.copy()
    if shift == SHIFTS[1]:
        found[table.number] += 0.3 * table.rows[table.number].std()
    elif shift == SHIFTS[2]:
        most, second = table.rows[table.category].value_counts().index[:2]
        at = np.flatnonzero(found[table.category] == most)
        moved = rng.choice(at, min(len(at), len(found) // 10), replace=False)
        found.iloc[moved, found.columns.get_loc(table.category)] = second
    elif shift == SHIFTS[3]:
        lost = rng.random(len(found)) < 0.05
        found.loc[lost, table.number] = np.nan
    return found
