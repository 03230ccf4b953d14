"""The column that is to be predicted, and the one that puts rows in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from perennial_artifact.manifest import Kind
from perennial_training.failure import TrainingFailure
from perennial_training.prepare import rules
from perennial_training.prepare.gather import Gathered
from perennial_training.prepare.missing import mean_missing
from perennial_training.prepare.moments import moments
from perennial_training.prepare.notes import Notes, counted
from perennial_training.prepare.plain import Flags, Floats, is_text, together

Declared = Literal[Kind, "Ignore"]


@dataclass(frozen=True)
class Outcome:
    """The target of each row, of any value where it is not known."""

    values: pd.Series[Any]
    known: Flags


@dataclass(frozen=True)
class Times:
    """What puts rows in order, NaN for missing; whether these are seconds since 1970."""

    values: Floats
    are_moments: bool


def outcome(column: Gathered, kind: Declared | None, task: str, notes: Notes) -> Outcome:
    """Return labels as int64 or text (ONNX knows no others), or float64 for regression.

    Raises:
        TrainingFailure: the column cannot be a target of that task.
    """
    name = column.name
    if not column.sorts:
        raise _invalid(f"{name}, the target, has no value in any row")
    if kind == "Ignore":
        raise _invalid(f"{name} is the target, and declared as Ignore: declare another kind")
    if kind is not None:
        ruled = rules.declared(column, kind, notes)
    else:
        ruled = rules.by_rule(column, notes)
        if ruled.what == "time" and task == "Classification":
            ruled = rules.declared(column, "Category", notes)
    if ruled.kind is None or ruled.values is None:
        raise _invalid(f"{ruled.why} (it is the target)")
    if task == "Classification":
        return _classes(column, ruled)
    if ruled.kind == "Category":
        raise _invalid(f"{name} holds text, not numbers{_such(column)}: use task Classification")
    found = ruled.values
    if (infinite := np.isinf(found)).any():
        place = column.files.place(int(np.argmax(infinite)))
        raise _invalid(
            f"{name}, the target, has {counted(int(infinite.sum()), 'infinite value')}, one in "
            f"{place}: mend it, or list inf in dataset.missing"
        )
    return Outcome(pd.Series(found, name=name, dtype="float64"), ~np.isnan(found))


def _classes(column: Gathered, ruled: rules.Ruled) -> Outcome:
    name, found = column.name, ruled.values
    assert found is not None
    if ruled.kind == "Category":
        return Outcome(pd.Series(found, name=name, dtype=object), found != "")
    known = ~np.isnan(found)
    some = found[known]
    if (some != np.round(some)).any():
        raise _invalid(f"{name} holds fractions; use task Regression")
    if np.abs(some).max(initial=0) < 2**53:
        whole = np.where(known, found, 0).astype(np.int64)
    else:
        whole = _long(column)
    return Outcome(pd.Series(whole, name=name, dtype="int64"), known)


def _long(column: Gathered) -> Any:
    """Return whole numbers that a double cannot tell apart."""
    try:
        parts = []
        for array in column.readable():
            if is_text(array.type):
                is_missing = pa.array(mean_missing(array))
                array = pc.if_else(is_missing, None, pc.utf8_trim_whitespace(array))
            parts += array.cast(pa.int64()).chunks
        return pc.fill_null(pa.chunked_array(parts, pa.int64()), 0).to_numpy()
    except pa.ArrowException as error:
        raise _invalid(
            f"{column.name} holds labels that are no whole numbers of 64 bits: declare "
            f"{{name: {column.name}, kind: Category}} in dataset.columns"
        ) from error


def times(column: Gathered, kind: Declared | None, notes: Notes) -> Times:
    """Return what puts rows in order; text is none, where 10 comes before 9.

    Numbers stay as they are; dates, moments and ISO 8601 text are seconds since 1970.

    Raises:
        TrainingFailure: the column holds neither.
    """
    name = column.name
    if not column.sorts:
        raise _invalid(f"{name}, the time column, has no value in any row")
    if kind == "Time":
        found = rules.declared(column, "Time", notes)
        assert found.values is not None
        return Times(found.values, True)
    wanted: Kind
    for wanted in ("Number", "Time"):
        converted = rules.convert(column, wanted, strict=True)
        ordered = ~np.isnan(converted.values)
        is_number = wanted == "Number" and not column.sorts & {"time", "boolean", "other"}
        if not converted.misfits.any() and ordered.any() and (is_number or wanted == "Time"):
            return Times(converted.values, wanted == "Time")
    raise _invalid(
        f"{name}, the time column, holds times that are not ISO 8601{_such(column)}: write them as "
        "2013-07-01T12:00:00Z, or as numbers"
    )


def _such(column: Gathered) -> str:
    """Return an example of text that is neither number nor time, or no number."""
    if "text" not in column.sorts:
        return ""
    no_number = rules.convert(column, "Number", strict=True).misfits
    neither = no_number & together([moments(part.values) for part in column.parts]).misfits
    wanted = neither if neither.any() else no_number
    text, place = column.example(wanted)
    return f", such as {text} in {place}" if wanted.any() else ""


def _invalid(message: str) -> TrainingFailure:
    return TrainingFailure("DatasetInvalid", message)
