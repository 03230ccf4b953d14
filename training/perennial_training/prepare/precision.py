"""What is lost where numbers become float32, as models take them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from perennial_training.prepare.gather import Gathered
from perennial_training.prepare.notes import Notes, counted
from perennial_training.prepare.plain import Flags, Floats

LOST = 0.1
"""Where values have fractions, neighbours that fall together are told from this share on: such
values are measured, and a few of a million always do."""

_EXACT = 2.0**24
"""Whole numbers up to it are exact in float32."""
_EXACT_DOUBLE = 2.0**53


@dataclass(frozen=True)
class TooLarge:
    """Values that float32 cannot hold: infinite ones, and from 3.4e38 on."""

    count: int
    example: float
    file: str


def too_large(column: Gathered, numbers: Floats, kept: Flags) -> TooLarge | None:
    """Return what of a column's kept rows float32 cannot hold; None where it can hold all."""
    with np.errstate(over="ignore"):
        beyond = np.isinf(numbers.astype(np.float32)) & kept
    if not beyond.any():
        return None
    first = int(np.argmax(beyond))
    return TooLarge(int(beyond.sum()), float(numbers[first]), column.files.place(first))


def note_fallen_together(column: Gathered, numbers: Floats, notes: Notes) -> None:
    """Note how many of a column's values are one in float32 and different ones in the files."""
    with np.errstate(over="ignore"):
        rounded = numbers.astype(np.float32)
    exact = (rounded.astype(np.float64) == numbers) | np.isnan(numbers)
    finite = numbers[np.isfinite(numbers)]
    largest = np.abs(finite).max(initial=0.0)
    if (exact.all() and largest < _EXACT_DOUBLE) or not finite.size:
        return
    ordered = np.sort(finite)
    whole = bool((ordered == np.round(ordered)).all())
    if whole and largest <= _EXACT:
        return
    with np.errstate(over="ignore"):
        apart = ordered.astype(np.float32)
    new, still = ordered[1:] != ordered[:-1], apart[1:] != apart[:-1]
    distinct, left = 1 + int(new.sum()), 1 + int(still.sum())
    if whole and largest >= _EXACT_DOUBLE:  # digits were lost before: count what the files have
        distinct = max(distinct, int(pc.count_distinct(column.text()).as_py()))
    lost = distinct - left
    if lost == 0 or (not whole and lost < LOST * distinct):
        return
    together = np.flatnonzero(new & ~still)
    such = ""
    if together.size:
        one, other = ordered[together[0] : together[0] + 2]
        such = f", such as {_spoken(one)} and {_spoken(other)}"
    advice = (
        f"where they are codes or ids, declare {{name: {column.name}, kind: Category}} in "
        "dataset.columns, or leave the column out"
        if whole
        else "take a constant off, so that the differences stand out"
    )
    notes.add(
        "precision",
        "values that fall together in float32",
        column.name,
        f"{column.name} has {counted(distinct, 'different value')}, of which {left:,} can be told "
        f"apart in float32, as a model takes them{such}: {advice}",
    )


def _spoken(value: float) -> str:
    return f"{value:.0f}" if value.is_integer() and abs(value) < 1e18 else repr(float(value))
