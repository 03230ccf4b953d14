"""The kind of one column: as declared, or by what all of its values are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial_artifact.manifest import Kind
from perennial_training.failure import TrainingFailure
from perennial_training.prepare.gather import Gathered
from perennial_training.prepare.moments import moments, unix
from perennial_training.prepare.notes import Notes, counted
from perennial_training.prepare.numbers import booleans, numbers
from perennial_training.prepare.plain import Converted, Flags, together
from perennial_training.prepare.remarks import note_category, note_mixed, note_words
from perennial_training.prepare.words import Words, words_of


@dataclass(frozen=True)
class Ruled:
    """A column's kind and canonical values; without a kind it is left out, for a reason."""

    kind: Kind | None
    values: NDArray[Any] | None = None
    what: str = ""
    """What is left out: ``time``, ``list<...>``, ``nothing``."""
    why: str = ""
    """A sentence for whoever wants to learn from it."""


def declared(column: Gathered, kind: Kind, notes: Notes) -> Ruled:
    """Return a column as the kind that it is declared to be.

    Raises:
        TrainingFailure: it has values that are none of that kind.
    """
    if "other" in column.sorts:
        raise TrainingFailure(
            "DatasetInvalid",
            f"{column.name} is declared a {kind}, and holds {_other(column)}: write a column for "
            "each of its values, or declare Ignore",
        )
    if kind == "Category":
        return _category(words_of(column), notes)
    found = convert(column, kind)
    if found.misfits.any():
        raise _misfit(column, kind, found.misfits)
    note_words(column, kind, found, notes)
    return Ruled(kind, found.values)


def by_rule(column: Gathered, notes: Notes) -> Ruled:
    """Return a column as what all of its values are."""
    sorts = column.sorts
    if not sorts:
        return _empty(column)
    if "other" in sorts:
        what = _other(column)
        return Ruled(None, None, what, f"{column.name} holds {what}, which no model takes")
    if column.are_categories:
        return _category(words_of(column), notes)
    if sorts == {"time"}:
        return _time(column)
    if sorts == {"boolean"}:
        return Ruled("Boolean", convert(column, "Boolean").values)
    if sorts <= {"number", "text"}:
        found = convert(column, "Number", strict=True)
        if not found.misfits.any():
            if np.isnan(found.values).all():
                return _empty(column)
            note_words(column, "Number", found, notes)
            return Ruled("Number", found.values)
    words = words_of(column)
    if sorts <= {"boolean", "number", "text"} and words.are_booleans():
        found = convert(column, "Boolean")
        note_words(column, "Boolean", found, notes)
        return Ruled("Boolean", found.values)
    if sorts <= {"time", "text"} and words.are_times():
        return _time(column)
    note_mixed(words, notes)
    return _category(words, notes)


def convert(column: Gathered, kind: Kind, strict: bool = False) -> Converted:
    """Return all values of a column as a kind that is no Category, and which do not fit it."""
    if kind == "Time":
        return _moments(column)
    if kind == "Boolean":
        return together([booleans(array) for array in column.readable()])
    return together([numbers(array, strict) for array in column.readable()])


def _moments(column: Gathered) -> Converted:
    """Return dates and ISO text as Times, and numbers by the unit that all of them tell."""
    found = together([moments(array) for array in column.readable()])
    if not found.misfits.any():
        return found
    others = convert(column, "Number", strict=True)
    is_number = found.misfits & ~others.misfits
    seconds = unix(np.where(is_number, others.values, np.nan))
    if seconds is None:
        return found
    values = np.where(is_number, seconds, found.values)
    return Converted(values, found.misfits & ~is_number)


def _category(words: Words, notes: Notes) -> Ruled:
    note_category(words, notes)
    texts = _without_point(words.column, words.distinct.to_pylist(), notes)
    return Ruled("Category", np.array([*texts, ""], dtype=object)[words.codes])


_POINT = re.compile(r"-?(?:0|[1-9][0-9]*)\.0\Z")
_DECIMAL = re.compile(r"-?[0-9]*\.[0-9]+\Z")


def _without_point(column: Gathered, texts: list[str], notes: Notes) -> list[str]:
    """Write 1001.0 as 1001 where both are there: files with gaps write whole numbers so.

    Not where other numbers have a fraction, as versions such as 1.0 and 2.1 have.
    """
    pointed = [text for text in texts if text.endswith(".0") and _POINT.match(text)]
    known = set(texts)
    if not any(text[:-2] in known for text in pointed):
        return texts
    if any(_DECIMAL.match(text) and not _POINT.match(text) for text in texts):
        return texts
    notes.add(
        "columns",
        "whole numbers are written without .0",
        column.name,
        f"{column.name} has whole numbers with and without .0, such as {pointed[0]}: they are "
        "written without",
    )
    return [text[:-2] if _POINT.match(text) else text for text in texts]


def _misfit(column: Gathered, kind: Kind, misfits: Flags) -> TrainingFailure:
    text, place = column.example(misfits)
    what = {
        "Number": "no number",
        "Boolean": "neither true nor false",
        "Time": "no time in ISO 8601 (2013-07-01T12:00:00Z)",
    }[kind]
    return TrainingFailure(
        "DatasetInvalid",
        f"{column.name} is declared a {kind}, and {counted(int(misfits.sum()), 'value', 'is')} "
        f"{what}, such as {text} in {place}: mend them, list them in dataset.missing if they mean "
        "that, or declare Category",
    )


def _empty(column: Gathered) -> Ruled:
    return Ruled(None, None, "nothing", f"{column.name} has no value in any row")


def _time(column: Gathered) -> Ruled:
    name = column.name
    return Ruled(
        None,
        None,
        "time",
        f"{name} is a time: declare {{name: {name}, kind: Time}} in dataset.columns to learn from "
        "its hour, weekday, day and month, or kind Number or Category",
    )


def _other(column: Gathered) -> str:
    part = next(part for part in column.parts if part.sort == "other")
    return str(part.values.type)[:64]
