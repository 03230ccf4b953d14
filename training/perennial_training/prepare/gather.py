"""A column over all files: its parts as they are typed, and in which file a row is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from perennial_training.prepare.moments import moments
from perennial_training.prepare.notes import quoted
from perennial_training.prepare.numbers import numbers
from perennial_training.prepare.plain import Flags, any_true, is_number, is_text, is_time, plain
from perennial_training.prepare.tables import Piece
from perennial_training.prepare.texts import are_days, as_text

Sort = Literal["number", "boolean", "time", "text", "other"]


@dataclass(frozen=True)
class Part:
    """A file's rows of a column, plain and with null for missing; ``start`` is its first row."""

    file: str
    start: int
    values: pa.ChunkedArray
    sort: Sort | None
    """What the values are; None where there is none, so that the part has no say."""
    decimal: str = "."


@dataclass(frozen=True)
class Gathered:
    """A column over all files, in their order."""

    name: str
    parts: tuple[Part, ...]
    absent: tuple[str, ...]
    """Files with rows that do not have it."""

    @property
    def sorts(self) -> set[Sort]:
        """What the values are in one file or another."""
        return {part.sort for part in self.parts if part.sort is not None}

    @property
    def rows(self) -> int:
        """How many rows all files have."""
        return sum(len(part.values) for part in self.parts)

    def place(self, row: int) -> str:
        """Return the file that a row is in."""
        starts = [part.start for part in self.parts]
        return self.parts[int(np.searchsorted(starts, row, side="right")) - 1].file

    def example(self, wanted: Flags) -> tuple[str, str]:
        """Return the first of the wanted values as its file has it, quoted, and the file."""
        row = int(np.argmax(wanted))
        starts = [part.start for part in self.parts]
        part = self.parts[int(np.searchsorted(starts, row, side="right")) - 1]
        return quoted(part.values[row - part.start].as_py()), part.file

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


def gather(name: str, pieces: Sequence[Piece], missing: Sequence[str]) -> Gathered:
    """Return a column over all pieces; ``missing`` are words that mean that in this dataset."""
    parts: list[Part] = []
    absent: list[str] = []
    start = 0
    for piece in pieces:
        size = piece.table.num_rows
        if name in piece.table.column_names:
            column = plain(piece.table.column(name))
            column = _without(column, missing)
        else:
            column = pa.chunked_array([pa.nulls(size)])
            if size:
                absent.append(piece.name)
        parts.append(Part(piece.name, start, column, _sort(column), piece.decimal))
        start += size
    return Gathered(name, tuple(parts), tuple(absent))


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
