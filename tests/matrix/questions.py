"""A row as its owner has it becomes a question on the wire, and an input of scikit-learn.

The two are made from the raw row by the kinds that the manifest states, and not by the trainer's
own code: so what training and serving make of a value is compared, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from perennial_artifact.manifest import Column, Signature

UNSEEN = "never seen before"
PROBES = 40
"""At most so many rows with a hole, and as many with a word that no row had."""

Value = bool | float | str | None


@dataclass(frozen=True)
class Questions:
    """Rows to ask: values by column, None for missing."""

    columns: Sequence[Column]
    rows: list[dict[str, Value]]

    def __len__(self) -> int:
        return len(self.rows)

    def frame(self) -> pd.DataFrame:
        """Return the rows as the pipeline takes them."""
        return pd.DataFrame({c.name: self._series(c) for c in self.columns})

    def _series(self, column: Column) -> pd.Series:
        values = [row[column.name] for row in self.rows]
        if column.kind == "Category":
            return pd.Series(["" if v is None else v for v in values], dtype=object)
        return pd.Series([np.nan if v is None else v for v in values], dtype=np.float64)


def questions(rows: pd.DataFrame, columns: Sequence[Column]) -> Questions:
    """Return the rows, and copies of the first ones with holes and unseen words."""
    asked = [
        {c.name: value(row[c.name], c.kind) for c in columns}
        for row in rows[[c.name for c in columns]].to_dict("records")
    ]
    holes = [{**asked[i % len(asked)], c.name: None} for i, c in enumerate(columns[:PROBES])]
    categories = [c.name for c in columns if c.kind == "Category"][:PROBES]
    unseen = [{**asked[i % len(asked)], name: UNSEEN} for i, name in enumerate(categories)]
    empty = dict.fromkeys((c.name for c in columns), None)
    return Questions(columns, [*asked, *holes, *unseen, empty])


def value(raw: Any, kind: str) -> Value:
    """Return what a client sends for a value."""
    if pd.isna(raw):
        return None
    if kind == "Number":
        return float(raw)
    if kind == "Boolean":
        return bool(raw)
    if kind == "Time":
        return float(pd.Timestamp(raw).timestamp())
    if isinstance(raw, float) and raw.is_integer():
        return str(int(raw))
    return str(raw)


def kinds(declared: Sequence[Column], signature: Signature) -> list[Column]:
    """Return the columns of a manifest; by datatype where it states none."""
    if declared:
        return list(declared)
    named = {"FP32": "Number", "FP64": "Time", "BYTES": "Category", "BOOL": "Boolean"}
    return [Column(name=t.name, kind=named[t.datatype]) for t in signature.inputs]
