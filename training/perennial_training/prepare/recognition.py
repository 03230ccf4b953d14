"""Whether the rows that a model had would be known again in a later run's dataset.

Which rows a model has not learned from is told by their hashes and times. A table that is written
anew with values that are equal to a person alone (times shifted, rounded or in another unit,
numbers in single precision, text trimmed) has others: rows that the model learned from look unseen,
it is measured on them, looks far too good, and no candidate is ever better. So a few rows are
remembered, and looked for.

Rows may go, by a window that moves, a filter or a deletion, and others may come, as where labels
are late. Rows that were written anew do both: so many are gone, and as many strangers are there of
the same time. So the lesser of both, time by time, is the most that can have been written anew.

Without times nobody can tell: a table of today's rows alone, each day, is one that people have. So
nothing is remembered of it. Where it was written anew, a model that looks too good keeps another
one from being shipped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perennial_artifact.manifest import RowSample, SplitMethod
from perennial_training.prepare.hashes import bits, mixed

SIZE = 256
"""So many rows are remembered: 5 of a fiftieth of the dataset, on average."""

WRITTEN_ANEW = 0.25
"""A model is not measured where more than such a share of the rows is shown to be strange while as
many are gone."""
CHANCE = 0.001
"""Shown: at just that share so many strangers would be among the sampled rows less often."""

FEWEST_MOVED, IN_ORDER = 10, 0.9
"""Rows that are known by their values alone were moved in time where so many are, and their rank
correlation is so large: of as many that are equal by chance it would be with p < 0.001."""

PARTS, IN_PART = 8, 32
"""Of the time, with as many of the remembered rows in each, and no fewer: what is gone with its age
and what came late are not of the same one."""

_CALLED: dict[SplitMethod, str] = {"Random": "rows", "Time": "times", "Grouped": "groups"}


class NotComparable(Exception):
    """A champion cannot be measured on these rows; the text goes on after its name."""


@dataclass(frozen=True)
class Identities:
    """What tells each row of a dataset apart."""

    method: SplitMethod
    hashes: NDArray[np.uint64]
    """Of the values by which rows are held out, without the time."""
    times: NDArray[np.float64]

    def keys(self) -> NDArray[np.uint64]:
        """Return a number by row that says what must be the same; no row's side follows from it."""
        if self.method == "Grouped":
            return mixed(self.hashes)
        times = mixed(bits(self.times))
        return mixed(times if self.method == "Time" else self.hashes + times)


def remember(rows: Identities) -> RowSample:
    """Return a few of a dataset's rows."""
    finite = np.isfinite(rows.times)  # JSON has no other numbers
    rows = Identities(rows.method, rows.hashes[finite], rows.times[finite])
    _, first, number = np.unique(rows.keys(), return_index=True, return_inverse=True)
    newest = np.full(len(first), -np.inf)
    np.maximum.at(newest, number, rows.times)
    hashes = rows.hashes[first[:SIZE]].tolist()
    return RowSample(hashes=[f"{h:016x}" for h in hashes], times=newest[:SIZE].tolist())


def check_known_again(sample: RowSample, rows: Identities) -> None:
    """Check that these rows are those of which some are remembered, as far as they can be.

    Raises:
        NotComparable: they were written anew.
    """
    if not sample.times or not len(rows.hashes):
        return
    hashes = np.array([int(h, 16) for h in sample.hashes], np.uint64)
    then = Identities(rows.method, hashes, np.array(sample.times))
    _check_moved(then, rows)
    _check_written_anew(then, rows)


def _check_moved(then: Identities, rows: Identities) -> None:
    """Check that no other times were given to the same values."""
    from scipy.stats import spearmanr

    if then.method == "Grouped":
        return
    alike, first, counts = np.unique(rows.hashes, return_index=True, return_counts=True)
    at = np.minimum(np.searchsorted(alike, then.hashes), len(alike) - 1)
    there = (alike[at] == then.hashes) & (counts[at] == 1)
    before, now = then.times[there], rows.times[first[at[there]]]
    moved = before != now
    count, known = int(moved.sum()), len(moved)
    if count < FEWEST_MOVED or not _is_shown(count, known, WRITTEN_ANEW):
        return
    if np.ptp(before[moved]) and np.ptp(now[moved]):
        order = float(spearmanr(before[moved], now[moved]).statistic)
        if order > IN_ORDER:
            raise NotComparable(
                f"may have learned from these rows: {count} of {known} that are known by their "
                "values have another time than they had; write the times as they were"
            )


def _check_written_anew(then: Identities, rows: Identities) -> None:
    """Check that few rows can have been written anew."""
    theirs, keys = then.keys(), rows.keys()
    some = keys <= theirs.max()
    ours, number = np.unique(keys[some], return_inverse=True)
    known, strange = np.isin(theirs, ours), ~np.isin(ours, theirs)
    called = _CALLED[then.method]
    due = (then.times >= rows.times.min()) & (then.times <= rows.times.max())
    oldest = np.full(len(ours), np.inf)
    np.minimum.at(oldest, number, rows.times[some])
    strange &= oldest <= then.times.max()
    # A group is of no one time.
    parts = 1 if then.method == "Grouped" else min(PARTS, int(due.sum()) // IN_PART)
    edges = np.array([])
    if parts > 1:
        edges = np.quantile(then.times[due], np.arange(1, parts) / parts)
    gone = _by_part(then.times[due & ~known], edges)
    anew = int(np.minimum(gone, _by_part(oldest[strange], edges)).sum())
    found = int(known.sum())
    if _is_shown(anew, found + int(strange.sum()), WRITTEN_ANEW):
        raise NotComparable(
            f"may have learned from these rows: of {due.sum()} {called} of its own within the "
            f"dataset's times {found} are there, as if values or times had been written anew; "
            "write them as they were, or Ignore a column that is never the same"
        )


def _by_part(times: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return how many are of each part of the time."""
    return np.bincount(np.searchsorted(edges, times, "right"), minlength=len(edges) + 1)


def _is_shown(count: int, of: int, share: float) -> bool:
    """Tell whether a share is larger than that by more than chance."""
    from scipy.stats import binom

    return count > share * of and bool(binom.sf(count - 1, of, share) < CHANCE)
