"""A column over all files: its parts as they are typed, and in which file a row is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from perennial_training.prepare.moments import moments
from perennial_training.prepare.notes import quoted
from perennial_training.prepare.numbers import numbers
from perennial_training.prepare.plain import Flags, any_true, is_number, is_text, is_time, plain
from perennial_training.prepare.tables import Piece
from perennial_training.prepare.texts import are_days, as_text

Sort = Literal["number", "boolean", "time", "text", "other"]


SMALL = 2**16
"""Rows; smaller pieces are put together, for each costs as much as a thousand rows."""


@dataclass(frozen=True)
class Files:
    """The files of a dataset, each with the number of its first row."""

    names: tuple[str, ...]
    starts: NDArray[np.intp]
    rows: int

    def place(self, row: int) -> str:
        """Return the file that a row is in."""
        return self.names[int(np.searchsorted(self.starts, row, side="right")) - 1]


@dataclass(frozen=True)
class Part:
    """Values of one type, plain and with null for missing, of files that follow each other."""

    values: pa.ChunkedArray
    sort: Sort | None
    """What the values are; None where there is none, so that the part has no say."""
    decimal: str
    are_categories: bool = False
    """Whether the file itself says so: text behind a dictionary, as pandas writes categories."""


@dataclass(frozen=True)
class Gathered:
    """A column over all files, in their order."""

    name: str
    parts: tuple[Part, ...]
    files: Files
    absent: tuple[str, ...]
    """Files with rows that do not have it."""

    @property
    def sorts(self) -> set[Sort]:
        """What the values are in one file or another."""
        return {part.sort for part in self.parts if part.sort is not None}

    @property
    def are_categories(self) -> bool:
        """Whether a file says that these are categories, whatever their text looks like."""
        return any(part.are_categories for part in self.parts if part.sort is not None)

    def example(self, wanted: Flags) -> tuple[str, str]:
        """Return the first of the wanted values as its file has it, quoted, and the file."""
        row = at = int(np.argmax(wanted))
        for part in self.parts:
            if at < len(part.values):
                return quoted(part.values[at].as_py()), self.files.place(row)
            at -= len(part.values)
        raise IndexError(row)

    def text(self) -> pa.ChunkedArray:
        """Return all values as text, as they are written as Categories."""
        times = [part for part in self.parts if part.sort == "time"]
        days = all(are_days(part.values) for part in times)
        return _joined([as_text(part.values, days) for part in self.parts])

    def readable(self) -> list[pa.ChunkedArray]:
        """Return each part's values, with a decimal comma of text written as a point.

        A comma is one where semicolons part the values, and no number of the column has a point.
        """
        has_commas = [part.sort == "text" and part.decimal == "," for part in self.parts]
        commas = [part.values for part, has in zip(self.parts, has_commas, strict=True) if has]
        is_decimal = bool(commas) and _is_decimal(_joined(commas))
        return [
            pc.replace_substring(part.values, ",", ".") if has and is_decimal else part.values
            for part, has in zip(self.parts, has_commas, strict=True)
        ]


_DECIMAL = r"^\s*[+-]?[0-9]*,[0-9]+(?:[eE][+-]?[0-9]+)?\s*$"
_POINT = r"^\s*[+-]?[0-9]*\.[0-9]+(?:[eE][+-]?[0-9]+)?\s*$"


def _is_decimal(text: pa.ChunkedArray) -> bool:
    if not any_true(pc.match_substring(text, ",")):
        return False
    is_comma, is_point = (pc.match_substring_regex(text, form) for form in (_DECIMAL, _POINT))
    return any_true(is_comma) and not any_true(is_point)


class Gatherer:
    """Columns over all pieces; ``missing`` are words that mean that in this dataset."""

    def __init__(self, pieces: Sequence[Piece], missing: Sequence[str]) -> None:
        self._pieces, self._missing = pieces, missing
        self._places = [{n: i for i, n in enumerate(p.table.column_names)} for p in pieces]
        ends = np.cumsum([0, *(piece.table.num_rows for piece in pieces)])
        self.files = Files(tuple(piece.name for piece in pieces), ends[:-1], int(ends[-1]))

    def column(self, name: str) -> Gathered:
        """Return a column; it is missing in pieces that do not have it."""
        absent: list[str] = []
        runs: list[_Run] = []
        for piece, places in zip(self._pieces, self._places, strict=True):
            rows = piece.table.num_rows
            if name in places:
                column = piece.table.column(places[name])
            else:
                column = pa.chunked_array([pa.nulls(rows)])
                if rows:
                    absent.append(piece.name)
            if not runs or not runs[-1].take(column, piece.decimal):
                runs.append(_Run(column, piece.decimal))
        parts = tuple(run.part(self._missing) for run in runs)
        return Gathered(name, parts, self.files, tuple(absent))


class _Run:
    """Pieces that follow each other and are of one type; nulls are of any."""

    def __init__(self, first: pa.ChunkedArray, decimal: str) -> None:
        self._type = None if first.null_count == len(first) else first.type
        self._columns, self._decimal = [first], decimal

    def take(self, column: pa.ChunkedArray, decimal: str) -> bool:
        """Take a piece in, if it is alike."""
        if column.null_count < len(column):
            if self._type is None:
                self._type, self._decimal = column.type, decimal
            elif (column.type, decimal) != (self._type, self._decimal):
                return False
        self._columns.append(column)
        return True

    def part(self, missing: Sequence[str]) -> Part:
        """Return all of them in one."""
        kind = self._type or pa.null()
        chunks: list[pa.Array] = []
        for column in self._columns:
            if column.null_count == len(column):
                chunks.append(pa.nulls(len(column), kind))
            else:
                chunks += column.chunks
        whole = pa.chunked_array(chunks, kind)
        whole = plain(whole)
        if len(whole) < SMALL * whole.num_chunks:
            whole = pa.chunked_array([pa.concat_arrays(whole.chunks)])
        whole = _without(whole, missing)
        are_categories = pa.types.is_dictionary(kind) and is_text(kind.value_type)
        return Part(whole, _sort(whole), self._decimal, are_categories)


def _sort(column: pa.ChunkedArray) -> Sort | None:
    if column.null_count == len(column):
        return None
    if is_text(column.type):
        return "text"
    if is_number(column.type):
        return "number"
    if is_time(column.type):
        return "time"
    return "boolean" if pa.types.is_boolean(column.type) else "other"


def _without(column: pa.ChunkedArray, missing: Sequence[str]) -> pa.ChunkedArray:
    """Return a column with null for what is missing: nothing, NaN, '' and the dataset's words."""
    if is_text(column.type):
        is_missing = pc.equal(column, "")
        if said := [word.strip() for word in missing if word.strip()]:
            trimmed = pc.utf8_trim_whitespace(column)
            is_word = pc.is_in(trimmed, pa.array(said, pa.large_string()))
            is_missing = pc.or_(is_missing, is_word)
        return pc.if_else(is_missing, None, column) if any_true(is_missing) else column
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
    words = pa.chunked_array([pa.array(list(missing), pa.large_string())])
    if is_number(column.type):
        meant = numbers(words, strict=True).values
    elif is_time(column.type):
        meant = moments(words).values
    else:
        return column
    is_meant: Flags = np.isin(numbers(column).values, meant[~np.isnan(meant)])
    if not is_meant.any():
        return column
    return pc.if_else(pa.chunked_array([pa.array(is_meant)]), None, column)


def _joined(parts: Sequence[pa.ChunkedArray]) -> pa.ChunkedArray:
    """Return text parts as one column."""
    text = pa.large_string()
    chunks = [chunk.cast(text) for part in parts for chunk in part.chunks]
    return pa.chunked_array(chunks, text)
