"""The kind of one column: as declared, or by what all of its values are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from perennial_artifact.manifest import Kind
from perennial_training.failure import TrainingFailure
from perennial_training.prepare import values
from perennial_training.prepare.gather import Gathered
from perennial_training.prepare.notes import Notes, quoted
from perennial_training.prepare.values import Converted, Flags

FEW = 20
"""A text column with more distinct values holds no booleans."""

_GROUPED = r"^\s*[^0-9a-zA-Z]?\s*[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?\s*[^0-9a-zA-Z]?\s*$"
_DECORATED = (
    r"^\s*(?:[$€£¥]\s*[+-]?[0-9.,]*[0-9]|[+-]?[0-9.,]*[0-9]\s*[%$€£¥]|[+-]?[0-9]+,[0-9]+)\s*$"
)
"""Numbers that are not written as numbers: 1,234 and $5, 12 %, 1,5."""


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
        return _category(column, notes, None)
    found = convert(column, kind)
    if found.misfits.any():
        raise _misfit(column, kind, found.misfits)
    _note_words(column, kind, found, notes)
    return Ruled(kind, found.values)


def by_rule(column: Gathered, notes: Notes) -> Ruled:
    """Return a column as what all of its values are."""
    sorts = column.sorts
    if not sorts:
        return _empty(column)
    if "other" in sorts:
        what = _other(column)
        return Ruled(None, None, what, f"{column.name} holds {what}, which no model takes")
    if sorts == {"time"}:
        return _time(column)
    if sorts == {"boolean"}:
        return Ruled("Boolean", convert(column, "Boolean").values)
    numbers = None
    if sorts <= {"number", "text"}:
        numbers = convert(column, "Number", strict=True)
        if not numbers.misfits.any():
            if np.isnan(numbers.values).all():
                return _empty(column)
            _note_words(column, "Number", numbers, notes)
            return Ruled("Number", numbers.values)
    whole = words_of(column)
    if sorts <= {"boolean", "number", "text"} and whole.are_booleans():
        found = convert(column, "Boolean")
        _note_words(column, "Boolean", found, notes)
        return Ruled("Boolean", found.values)
    if sorts <= {"time", "text"} and whole.are_times():
        return _time(column)
    return _category(column, notes, whole)


def convert(column: Gathered, kind: Kind, strict: bool = False) -> Converted:
    """Return all values of a column as a kind that is no Category, and which do not fit it."""
    if kind == "Time":
        return _moments(column)
    parts = []
    for array in column.readable():
        if kind == "Number":
            parts.append(values.numbers(array, strict))
        else:
            parts.append(values.booleans(array))
    return _joined(parts)


def _joined(parts: list[Converted]) -> Converted:
    return Converted(
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.misfits for part in parts]),
    )


def _moments(column: Gathered) -> Converted:
    """Return dates and ISO text as Times, and numbers by the unit that all of them tell."""
    readable = column.readable()
    found = _joined([values.moments(array) for array in readable])
    if not found.misfits.any():
        return found
    numbers = _joined([values.numbers(array, strict=True) for array in readable])
    is_number = found.misfits & ~numbers.misfits
    seconds = values.unix(np.where(is_number, numbers.values, np.nan))
    if seconds is None:
        return found
    joined = np.where(is_number, seconds, found.values)
    return Converted(joined, found.misfits & ~is_number)


@dataclass(frozen=True)
class Words:
    """The distinct values of a column as text; ``codes`` say which each row has, -1 for missing."""

    distinct: pa.Array
    codes: NDArray[np.int32]

    @property
    def counts(self) -> NDArray[np.intp]:
        """How many rows have each."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.distinct))

    def match(self, pattern: str) -> Flags:
        """Return which of the distinct values match, white space around them apart."""
        return _flags(pc.match_substring_regex(pc.utf8_trim_whitespace(self.distinct), pattern))

    @property
    def mean_missing(self) -> Flags:
        """Which of the distinct values mean missing among numbers."""
        return _flags(values.is_missing_word(pc.utf8_trim_whitespace(self.distinct)))

    def are_booleans(self) -> bool:
        """Return whether all are true or false in any case; 1 and 0 are, beside these."""
        if len(self.distinct) > FEW:
            return False
        lower = {text.strip().lower() for text in self.distinct.to_pylist()}
        said = lower - set(values.MISSING_WORDS) - {""}
        return bool(said & {"true", "false"}) and said <= {"true", "false", "1", "0"}

    def are_times(self) -> bool:
        """Return whether all are dates or times in ISO 8601."""
        fits = self.match(values.ISO_TIME)
        return bool(fits.any() and (fits | self.mean_missing).all())


def words_of(column: Gathered) -> Words:
    """Return a column as text."""
    return Words(*values.words(column.text()))


def _flags(array: pa.Array) -> Flags:
    flags: Flags = array.to_numpy(zero_copy_only=False).astype(bool)
    return flags


def _category(column: Gathered, notes: Notes, by_rule: Words | None) -> Ruled:
    words = by_rule or words_of(column)
    texts = words.distinct.to_pylist()
    if by_rule is not None:
        _note_mixed(column, words, notes)
    _note_category(column, words, notes)
    merged = _without_point(column, texts, notes)
    return Ruled("Category", np.array([*merged, ""], dtype=object)[words.codes])


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


def _note_mixed(column: Gathered, words: Words, notes: Notes) -> None:
    """Note why a column that seems to hold numbers is a Category."""
    counts = words.counts
    is_number = words.match(values.STRICT)
    are_numbers, others = counts[is_number].sum(), ~is_number & ~words.mean_missing
    are_others = counts[others].sum()
    name = column.name
    if not are_numbers and words.match(f"(?:{_GROUPED})|(?:{_DECORATED})").all():
        notes.add(
            "columns",
            "numbers that are not written as such are categories",
            name,
            f"{name} is a Category, since its values, such as {quoted(words.distinct[0])}, are not "
            "written as numbers: if they are some, write them without signs or separators, with a "
            "decimal point",
        )
        return
    if not are_others or (len(column.sorts) == 1 and are_numbers <= are_others):
        return
    text, place = _example(column, words, others)
    total = f"{are_others:,} of {counts.sum():,} values"
    verb = "is" if are_others == 1 else "are"
    no = "no number" if are_others == 1 else "no numbers"
    if (words.match(values.LENIENT) | ~others).all():
        reason = f"{total} {verb} written with leading zeros, such as {text} in {place}"
        advice = f": if they are numbers, declare {{name: {name}, kind: Number}} in dataset.columns"
    else:
        reason = f"{total} {verb} {no}, such as {text} in {place}"
        advice = ": if they mean missing, list them in dataset.missing"
    notes.add(
        "columns",
        "categories since not all values are numbers",
        name,
        f"{name} is a Category since {reason}{advice}",
    )


def _note_category(column: Gathered, words: Words, notes: Notes) -> None:
    counts = words.counts
    missing = words.mean_missing & ~_flags(pc.equal(words.distinct, ""))
    if missing.any():
        count = int(counts[missing].sum())
        text, _ = _example(column, words, missing)
        notes.add(
            "missing",
            "words that may mean missing are categories",
            column.name,
            f"{column.name} has {count:,} values such as {text}, a category like any other: if "
            "they mean missing, list them in dataset.missing",
        )
    spaced = _flags(pc.not_equal(pc.utf8_trim_whitespace(words.distinct), words.distinct))
    if (spaced & ~missing).any():
        count = int(counts[spaced].sum())
        text, _ = _example(column, words, spaced)
        notes.add(
            "columns",
            "white space around a value is part of it",
            column.name,
            f"{column.name} has {count:,} values with white space around them, such as {text}, "
            "which is part of the category: clients must send it too, or take it out of the files",
        )


def _note_words(column: Gathered, kind: Kind, found: Converted, notes: Notes) -> None:
    """Note how many words were taken for missing in a column that is no text."""
    if "text" not in column.sorts:
        return
    said = np.concatenate([part.values.is_valid().to_numpy().astype(bool) for part in column.parts])
    meant = said & np.isnan(found.values) & ~found.misfits
    if not meant.any():
        return
    text, place = _value(column, int(np.argmax(meant)))
    notes.add(
        "missing",
        "words are taken for missing",
        column.name,
        f"{column.name} is a {kind}, and {meant.sum():,} of its values, such as {text} in {place}, "
        "are taken for missing",
    )


def _example(column: Gathered, words: Words, wanted: Flags) -> tuple[str, str]:
    """Return the first of the wanted values, and its file."""
    first = int(np.argmax(np.isin(words.codes, np.flatnonzero(wanted))))
    return quoted(words.distinct[int(words.codes[first])].as_py()), column.place(first)


def _value(column: Gathered, row: int) -> tuple[str, str]:
    """Return the value of a row as it stands in its file, and the file."""
    part = max((p for p in column.parts if p.start <= row), key=lambda p: p.start)
    return quoted(part.values[row - part.start].as_py()), part.file


def _misfit(column: Gathered, kind: Kind, misfits: Flags) -> TrainingFailure:
    count = int(misfits.sum())
    text, place = _value(column, int(np.argmax(misfits)))
    none = {
        "Number": "no number",
        "Boolean": "neither true nor false",
        "Time": "no time in ISO 8601 (2013-07-01T12:00:00Z)",
    }[kind]
    verb = "is" if count == 1 else "are"
    return TrainingFailure(
        "DatasetInvalid",
        f"{column.name} is declared a {kind}, and {count:,} of its {column.rows:,} values {verb} "
        f"{none}, such as {text} in {place}: mend them, list them in dataset.missing if they mean "
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
