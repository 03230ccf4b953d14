"""What each column of a dataset holds, settled once and over all its files.

What is declared in ``dataset.columns`` goes first. Else a rule over all values decides, so that
neither the order of the files nor how the rows are spread over them has a say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
import pandas as pd

from perennial_artifact.manifest import Column, Kind
from perennial_artifact.result import DatasetSpec, Note
from perennial_training.failure import TrainingFailure
from perennial_training.prepare.gather import Gathered, Gatherer
from perennial_training.prepare.names import matched, mend
from perennial_training.prepare.newest import check_moments, not_before
from perennial_training.prepare.notes import Notes, counted, listing
from perennial_training.prepare.outcome import Declared, outcome, times
from perennial_training.prepare.plain import Flags
from perennial_training.prepare.precision import TooLarge, note_fallen_together, too_large
from perennial_training.prepare.rules import Ruled, by_rule, declared
from perennial_training.prepare.tables import Piece


@dataclass(frozen=True)
class LeftOut:
    """A column that no model learns from, and what it is: ``time``, ``list<...>``, ``nothing``."""

    name: str
    what: str


@dataclass(frozen=True)
class Settled:
    """The rows of a dataset that have a target (and a time, where one is asked for).

    ``frame`` has the columns in canonical values (see ``values``), numbered from 0; ``target`` and
    ``times`` are numbered alike. Numbers are not yet rounded to float32.
    """

    spec: DatasetSpec
    """The spec with the columns' names as they are in the frame."""
    frame: pd.DataFrame
    columns: tuple[Column, ...]
    """Everything that can be learned from, in order; in ``frame``."""
    features: tuple[str, ...]
    """What is learned from: what the spec lists, or every column but the group."""
    target: pd.Series[Any]
    """int64 or text (object) for classification, float64 for regression; none missing."""
    times: pd.Series[Any] | None = None
    """float64: what puts the rows in order; none missing."""
    are_moments: bool = False
    """Whether ``times`` are seconds since 1970, and not other numbers."""
    group: Column | None = None
    """The column of ``frame`` by which rows stay together."""
    left_out: tuple[LeftOut, ...] = ()
    """Columns that would have been learned from; none where the spec lists what is."""
    too_large: Mapping[str, TooLarge] = field(default_factory=dict)
    """By column, values that float32 cannot hold."""
    notes: tuple[Note, ...] = ()

    @property
    def known(self) -> tuple[Column, ...]:
        """What each column of ``frame`` holds: what can be learned from, and the group."""
        group = () if self.group is None else (self.group,)
        return tuple({c.name: c for c in (*self.columns, *group)}.values())

    def summary(self) -> str:
        """Return what is learned from, in one line, and what is left out."""
        learned = [column for column in self.columns if column.name in set(self.features)]
        return summary(learned, self.left_out)


def settle(pieces: Sequence[Piece], spec: DatasetSpec, task: str) -> Settled:
    """Return the rows of all pieces in one order, with the kind of each column settled.

    Raises:
        TrainingFailure: names or values do not fit the spec; the text says where and what to do.
    """
    mended = mend(pieces, _asked(spec))
    gatherer = Gatherer(mended.pieces, spec.missing)
    if not gatherer.files.rows:
        raise _invalid(f"{spec.uri} has no rows")
    spec = matched(spec, mended.names)
    kinds = _declared(spec)
    notes = Notes([note for piece in pieces for note in piece.notes] + list(mended.notes))
    column = gatherer.column
    found = outcome(column(spec.target), kinds.get(spec.target), task, notes)
    known, order = found.known, None
    if spec.time_column is not None:
        order = times(column(spec.time_column), kinds.get(spec.time_column), notes)
        check_moments(spec.time_column, order, spec.since)
        known = known & ~np.isnan(order.values)
    _note_unknown(spec, found.known, known, notes)
    learned = known
    if order is not None and spec.since is not None:
        learned = known & not_before(spec.since, order.values)
    table = _Table(spec, kinds, known, learned, notes)
    for name in mended.names:
        if table.wants(name):
            table.take(column(name))
    target = found.values[known].reset_index(drop=True)
    return Settled(
        spec=spec,
        frame=table.frame(),
        columns=tuple(table.columns),
        features=table.features(),
        target=target,
        times=None if order is None else pd.Series(order.values[known], name=spec.time_column),
        are_moments=order is not None and order.are_moments,
        group=table.group,
        left_out=tuple(table.left_out),
        too_large=table.too_large,
        notes=notes.all(),
    )


class _Table:
    """Columns that were settled so far."""

    def __init__(
        self,
        spec: DatasetSpec,
        kinds: Mapping[str, Declared],
        known: Flags,
        learned: Flags,
        notes: Notes,
    ) -> None:
        self._spec, self._kinds, self._notes = spec, kinds, notes
        self._known, self._learned = known, learned
        self._series: dict[str, pd.Series[Any]] = {}
        self.columns: list[Column] = []
        self.left_out: list[LeftOut] = []
        self.too_large: dict[str, TooLarge] = {}
        self.group: Column | None = None

    def wants(self, name: str) -> bool:
        """Return whether a column is to be settled: as something to learn from, or the group."""
        return self._is_learned(name) or name == self._spec.split.column

    def _is_learned(self, name: str) -> bool:
        if name in self._spec.features:
            return True
        others = (self._spec.target, self._spec.time_column)
        return name not in others and self._kinds.get(name) != "Ignore"

    def take(self, column: Gathered) -> None:
        """Settle a column.

        Raises:
            TrainingFailure: it is declared what it is not, or wanted and cannot be had.
        """
        name, kind = column.name, self._kinds.get(column.name)
        is_group = name == self._spec.split.column
        # Of what is not learned from, only a champion's columns are of use: nothing is noted.
        is_noted = name in self._spec.features or not self._spec.features
        notes = self._notes if is_noted else Notes()
        if kind is None or kind == "Ignore":
            ruled = by_rule(column, notes)
        else:
            ruled = declared(column, kind, notes)
        if ruled.kind is None:
            self._leave_out(name, ruled)
            if is_group:
                as_group: Kind = "Time" if ruled.what == "time" else "Category"
                self.group = self._keep(name, declared(column, as_group, notes))
            return
        kept = self._keep(name, ruled)
        if is_group:
            self.group = kept
        if not self._is_learned(name):
            return
        self.columns.append(kept)
        _note_absent(column, notes)
        if kept.kind == "Number":  # what a model takes as float32
            self._look_closely(column, ruled, notes)

    def _keep(self, name: str, ruled: Ruled) -> Column:
        assert ruled.kind is not None and ruled.values is not None
        dtype = object if ruled.kind == "Category" else np.float64
        self._series[name] = pd.Series(ruled.values[self._known], dtype=dtype)
        return Column(name=name, kind=ruled.kind)

    def _leave_out(self, name: str, ruled: Ruled) -> None:
        if name in self._spec.features:
            raise _invalid(f"{ruled.why}; or leave it out of dataset.features")
        if self._is_learned(name) and not self._spec.features:
            self.left_out.append(LeftOut(name, ruled.what))
            why = f"{ruled.why}; it is left out"
            self._notes.add("columns", f"left out as {ruled.what}", name, why)

    def _look_closely(self, column: Gathered, ruled: Ruled, notes: Notes) -> None:
        assert ruled.values is not None
        if beyond := too_large(column, ruled.values, self._learned):
            self.too_large[column.name] = beyond
        note_fallen_together(column, ruled.values, notes)

    def features(self) -> tuple[str, ...]:
        """Return what is learned from: a group is an identifier, so only where it is listed."""
        if self._spec.features:
            return tuple(self._spec.features)
        return tuple(c.name for c in self.columns if c.name != self._spec.split.column)

    def frame(self) -> pd.DataFrame:
        """Return the columns in canonical values."""
        return pd.DataFrame(self._series, index=pd.RangeIndex(int(self._known.sum())))


def summary(columns: Sequence[Column], left_out: Sequence[LeftOut] = ()) -> str:
    """Return what columns are: 11 numbers, 2 categories (origin, carrier), 1 time left out (at).

    Numbers are too many to be named; the others are, cut sensibly.
    """
    parts = []
    for kind in get_args(Kind):
        names = [column.name for column in columns if column.kind == kind]
        if names:
            shown = "" if kind == "Number" else f" ({listing(names, 8)})"
            parts.append(f"{_count(len(names), kind.lower())}{shown}")
    for what in dict.fromkeys(column.what for column in left_out):
        names = [column.name for column in left_out if column.what == what]
        spoken = _count(len(names), "time") if what == "time" else f"{len(names)} with {what}"
        parts.append(f"{spoken} left out ({listing(names, 8)})")
    return ", ".join(parts) or "no columns"


_PLURALS = {"category": "categories"}


def _count(number: int, noun: str) -> str:
    return f"{number} {noun if number == 1 else _PLURALS.get(noun, noun + 's')}"


def _asked(spec: DatasetSpec) -> set[str]:
    names = {spec.target, *spec.features, *(column.name for column in spec.columns)}
    return names | {name for name in (spec.time_column, spec.split.column) if name is not None}


def _declared(spec: DatasetSpec) -> dict[str, Declared]:
    """Return the kinds that are declared, by name.

    Raises:
        TrainingFailure: the spec says of a column what cannot be so.
    """
    if spec.target in spec.features:
        raise _invalid(f"{spec.target} is the target: leave it out of dataset.features")
    kinds: dict[str, Declared] = {}
    for column in spec.columns:
        if kinds.setdefault(column.name, column.kind) != column.kind:
            raise _invalid(
                f"{column.name} is declared a {kinds[column.name]} and a {column.kind} in "
                "dataset.columns: leave one"
            )
    if ignored := [name for name in spec.features if kinds.get(name) == "Ignore"]:
        raise _invalid(
            f"{listing(ignored)} is in dataset.features, and declared as Ignore in "
            "dataset.columns: leave one"
        )
    return kinds


def _note_unknown(spec: DatasetSpec, labelled: Flags, known: Flags, notes: Notes) -> None:
    """Note how many rows are left out, for they have no target or no time."""
    without = {spec.target: ~labelled, spec.time_column: labelled & ~known}
    for lacks, rows in without.items():
        if lacks is not None and (count := int(rows.sum())):
            left = "is left out" if count == 1 else "are left out"
            notes.add("rows", "rows", lacks, f"{counted(count, 'row')} without {lacks} {left}")


def _note_absent(column: Gathered, notes: Notes) -> None:
    if column.absent:
        notes.add(
            "columns",
            "not in all files",
            column.name,
            f"{column.name} is not in {listing(column.absent, 3)}: it is missing there",
        )


def _invalid(message: str) -> TrainingFailure:
    return TrainingFailure("DatasetInvalid", message)
