"""What a model said of each logged row, and what became known, in arrays of one length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perennial_training.prepare.conform import number
from perennial_training.prove.labels import texts
from perennial_training.report.log import seconds_of

SECOND = 0.5
"""The probability from which on the second of two classes is the answer, as pods count it."""


@dataclass(frozen=True, eq=False)
class Predicted:
    """n predictions of one version. Classes are by their place in ``classes``, -1 is none."""

    made: NDArray[Any]
    """When, in seconds since 1970."""
    told: NDArray[Any]
    """When their newest label was told; NaN where none was."""
    classes: tuple[str, ...]
    predicted: NDArray[Any]
    """The class, -1 where it was none."""
    probability: NDArray[Any] | None
    """Of the second of two classes; NaN where it is no number."""
    numbers: NDArray[Any]
    """What was predicted, of a model of numbers; NaN elsewhere."""
    labelled: NDArray[Any]
    """Whether a label has come."""
    label: NDArray[Any]
    """The class that the label names, -1 where it is none of them."""
    label_text: NDArray[Any]
    """The label as it was told, '' where none was."""
    label_number: NDArray[Any]
    reward: NDArray[Any]
    """NaN where none was told."""

    def __len__(self) -> int:
        return len(self.made)


def predicted(rows: pd.DataFrame, classes: tuple[str, ...]) -> Predicted:
    """Return the log's rows of one version, whose manifest names these classes."""
    shares = _probabilities(rows, len(classes))
    second = shares[:, 1] if shares is not None and len(classes) == 2 else None
    if second is not None:
        answer = np.where(np.isnan(second), -1, (second >= SECOND).astype(int))
    elif shares is not None:
        answer = np.where(np.isnan(shares).any(axis=1), -1, np.nan_to_num(shares).argmax(axis=1))
    elif classes and "output.label" in rows:
        answer = _places(texts(rows["output.label"].to_numpy()), classes)
    else:
        answer = np.full(len(rows), -1)
    labels = rows["label"].to_numpy(dtype=object)
    has = rows["label"].notna().to_numpy()
    text = np.where(has, labels, "").astype(str)
    return Predicted(
        made=seconds_of(rows["time"]),
        told=seconds_of(rows["told"]),
        classes=classes,
        predicted=answer,
        probability=second,
        numbers=_numbers(rows) if not classes else np.full(len(rows), np.nan),
        labelled=has,
        label=np.where(has, _places(text, classes), -1),
        label_text=text,
        label_number=_numeric(text),
        reward=rows["reward"].to_numpy(dtype=float),
    )


def _probabilities(rows: pd.DataFrame, classes: int) -> NDArray[Any] | None:
    """Return probabilities, shape [n, classes]; None where the log has none of so many."""
    if classes < 2 or "output.probabilities" not in rows:
        return None
    found = np.full((len(rows), classes), np.nan)
    for place, value in enumerate(rows["output.probabilities"].to_numpy(dtype=object)):
        if isinstance(value, list | np.ndarray) and len(value) == classes:
            found[place] = value
    return found


def _numbers(rows: pd.DataFrame) -> NDArray[Any]:
    """Return the first output that is one number a row."""
    for name in rows.columns:
        if str(name).startswith("output.") and pd.api.types.is_numeric_dtype(rows[name]):
            return rows[name].to_numpy(dtype=float)
    return np.full(len(rows), np.nan)


def _places(found: NDArray[Any], classes: tuple[str, ...]) -> NDArray[Any]:
    """Return which class each text names, also as another way to write its number; -1: none."""
    known = {name: place for place, name in enumerate(classes)}
    numeric = {value: place for name, place in known.items() if (value := number(name)) is not None}

    def place(text: str) -> int:
        if text in known:
            return known[text]
        value = number(text) if numeric else None
        return numeric.get(value, -1) if value is not None else -1

    unique, inverse = np.unique(found.astype(str), return_inverse=True)
    return np.array([place(str(t)) for t in unique], dtype=int)[inverse]


def _numeric(found: NDArray[Any]) -> NDArray[Any]:
    """Return the numbers that texts say, NaN where they say none."""
    unique, inverse = np.unique(found, return_inverse=True)
    values = [v if (v := number(str(t))) is not None else np.nan for t in unique]
    return np.array(values, dtype=float)[inverse]
