"""Headings that are mended by rule, and names of the spec that are looked up among them."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from perennial_artifact.result import DatasetSpec, Note
from perennial_training.failure import TrainingFailure
from perennial_training.prepare.notes import listing, note, quoted
from perennial_training.prepare.tables import Piece

LONGEST = 253
"""Characters of a name; an input of a model cannot have more."""

_UNNAMED = re.compile(r"(Unnamed: \d+(_level_\d+)?)?\Z")
"""No heading, or what pandas writes for none."""
_INDEX = re.compile(r"__index_level_\d+__\Z")
"""What pandas calls an index without a name in Parquet."""
_COUNT = r"^[0-9]+(\.0*)?$"
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?\Z")


@dataclass(frozen=True)
class Mended:
    """Pieces whose columns have names, each there once in a piece, and what was mended."""

    pieces: tuple[Piece, ...]
    notes: tuple[Note, ...]

    @property
    def names(self) -> list[str]:
        """Every column of any piece, in the order in which they are met."""
        return list(dict.fromkeys(n for piece in self.pieces for n in piece.table.column_names))


def tidy(heading: str) -> str:
    """Return a heading without white space around it, and with no line ends or tabs in it."""
    inner = re.sub(r"\s*[\t\r\n\v\f]\s*", " ", heading.strip("\ufeff \t\r\n\v\f\u00a0"))
    return unicodedata.normalize("NFC", inner).strip()


def mend(pieces: Sequence[Piece], asked: Collection[str] = ()) -> Mended:
    """Return pieces whose columns have names.

    A column without a heading is left out where it counts rows, and called ``column_N`` otherwise;
    one that is there twice is left out where it holds the same, and called ``a_2`` otherwise. What
    is ``asked`` for by a name as it is written is never left out.

    Raises:
        TrainingFailure: a name is too long, or has control characters.
    """
    notes: list[Note] = []
    named = [[tidy(heading) for heading in piece.table.column_names] for piece in pieces]
    for piece, names in zip(pieces, named, strict=True):
        _check(piece.name, names)
    notes += _tell_tidied(pieces)
    left_out, called = _without_headings(pieces, named, asked)
    named = [[called.get((n, i), n) for i, n in enumerate(names)] for names in named]
    kept = [[(n, i) not in left_out for i, n in enumerate(names)] for names in named]
    notes += _tell_unnamed(left_out, called)
    notes += _mend_repeated(pieces, named, kept)
    mended = []
    for piece, names, keep in zip(pieces, named, kept, strict=True):
        positions = [i for i, is_kept in enumerate(keep) if is_kept]
        table = piece.table.select(positions).rename_columns([names[i] for i in positions])
        mended.append(replace(piece, table=table))
    return Mended(tuple(mended), tuple(notes))


def matched(spec: DatasetSpec, names: Sequence[str]) -> DatasetSpec:
    """Return the spec with its columns' names as they are after mending.

    Raises:
        TrainingFailure: there is no such column; the text has the nearest, and those there are.
    """
    known = set(names)
    wrong: list[str] = []

    def find(name: str) -> str:
        for form in (name, tidy(name)):
            if form in known:
                return form
        wrong.append(name)
        return name

    found = spec.replace(
        target=find(spec.target),
        features=list(dict.fromkeys(find(name) for name in spec.features)),
        columns=[column.replace(name=find(column.name)) for column in spec.columns],
        time_column=None if spec.time_column is None else find(spec.time_column),
        split=spec.split.replace(
            column=None if spec.split.column is None else find(spec.split.column)
        ),
    )
    if wrong:
        raise TrainingFailure("DatasetInvalid", _no_such(spec.uri, wrong, names))
    return found


def _no_such(uri: str, wrong: Sequence[str], names: Sequence[str]) -> str:
    lower = {name.lower(): name for name in names}
    asked = []
    for name in dict.fromkeys(wrong):
        near = difflib.get_close_matches(tidy(name).lower(), lower, 1)
        asked.append(f"{name} (did you mean {lower[near[0]]}?)" if near else name)
    message = f"{uri} has no column {listing(asked, 6)}; it has {listing(names, 20)}"
    numbers = sum(bool(_NUMBER.match(name)) for name in names)
    if numbers * 2 > len(names):
        message += ": these are no headings, so write headings into the first line of each file"
    return message


def _check(file: str, names: Sequence[str]) -> None:
    for name in names:
        if len(name) > LONGEST:
            raise TrainingFailure(
                "DatasetInvalid",
                f"{file} has a column whose name, {quoted(name)}, has {len(name):,} characters: "
                f"give it one of at most {LONGEST}",
            )
        if any(unicodedata.category(character) == "Cc" for character in name):
            raise TrainingFailure(
                "DatasetInvalid",
                f"{file} has a column whose name, {name[:64]!r}, holds control characters: name "
                "it without them",
            )


def _tell_tidied(pieces: Sequence[Piece]) -> list[Note]:
    headings = dict.fromkeys(h for piece in pieces for h in piece.table.column_names)
    changed = [f"{quoted(h)} is {tidy(h)}" for h in headings if tidy(h) not in ("", h)]
    if not changed:
        return []
    return [note("names", f"names are taken without white space around them: {listing(changed)}")]


def _without_headings(
    pieces: Sequence[Piece], named: Sequence[Sequence[str]], asked: Collection[str]
) -> tuple[set[tuple[str, int]], dict[tuple[str, int], str]]:
    """Return what is left out, and how the others are called; both by name and position."""
    found: dict[tuple[str, int], list[pa.ChunkedArray]] = {}
    for piece, names in zip(pieces, named, strict=True):
        for i, name in enumerate(names):
            if name not in asked and (_UNNAMED.match(name) or _INDEX.match(name)):
                found.setdefault((name, i), []).append(piece.table.column(i))
    left_out: set[tuple[str, int]] = set()
    called: dict[tuple[str, int], str] = {}
    for (name, i), columns in found.items():
        new = f"column_{i + 1}"
        if new not in asked and (_INDEX.match(name) or all(map(_counts, columns))):
            left_out.add((name, i))
        else:
            called[name, i] = new
    return left_out, called


def _counts(column: pa.ChunkedArray) -> bool:
    """Return whether values are whole numbers from 0 up, no two the same: a number of each row.

    Rows that were filtered or shuffled before they were written have such numbers, too.
    """
    if pa.types.is_integer(column.type):
        counts = bool(pc.all(pc.greater_equal(column, 0), min_count=0).as_py())
    elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        counts = bool(pc.all(pc.match_substring_regex(column, _COUNT), min_count=0).as_py())
    else:
        return False
    return counts and column.null_count == 0 and len(column.unique()) == len(column)


def _tell_unnamed(
    left_out: Collection[tuple[str, int]], called: dict[tuple[str, int], str]
) -> list[Note]:
    notes = []
    for name, i in left_out:
        spoken = name or f"column {i + 1}, which has no heading,"
        notes.append(note("names", f"{spoken} counts rows and is left out"))
    for (name, i), new in called.items():
        spoken = name or f"column {i + 1}, which has no heading,"
        notes.append(note("names", f"{spoken} is called {new}"))
    return notes


def _mend_repeated(
    pieces: Sequence[Piece], named: list[list[str]], kept: list[list[bool]]
) -> list[Note]:
    """Name columns that are there more than once apart, or keep one where they are the same."""
    places: dict[tuple[str, int], list[tuple[int, int, int]]] = {}
    for p, names in enumerate(named):
        times: Counter[str] = Counter()
        first: dict[str, int] = {}
        for i, name in enumerate(names):
            if not kept[p][i]:
                continue
            times[name] += 1
            first.setdefault(name, i)
            if times[name] > 1:
                places.setdefault((name, times[name]), []).append((p, first[name], i))
    taken = {name for names in named for name in names}
    notes = []
    for (name, nth), there in places.items():
        if all(_same(pieces[p].table.column(a), pieces[p].table.column(b)) for p, a, b in there):
            for p, _, i in there:
                kept[p][i] = False
            notes.append(note("names", f"{name} is there twice with the same values: one is kept"))
            continue
        new = f"{name}_{nth}"
        while new in taken:
            nth += 1
            new = f"{name}_{nth}"
        taken.add(new)
        for p, _, i in there:
            named[p][i] = new
        notes.append(note("names", f"{name} is there again with other values, called {new}"))
    return notes


def _same(one: pa.ChunkedArray, other: pa.ChunkedArray) -> bool:
    if pa.types.is_floating(one.type) and one.type == other.type:
        none = pa.scalar(None, one.type)
        one, other = (pc.if_else(pc.is_nan(c), none, c) for c in (one, other))
    return bool(one.equals(other))
