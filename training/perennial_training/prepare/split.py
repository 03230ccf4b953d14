"""Hold rows out by what is in them, so that a later run knows what a model has not learned from.

A row is held out by a hash of its own values, never by its position: when files are added, replaced
or read in another order, each row stays on its side. The record of a split goes into the artifact;
with it a later run finds among its own held-out rows those that the model never saw, once it has
seen that it would know the model's rows again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perennial_artifact.manifest import Column, SplitRecord
from perennial_artifact.result import SplitSpec
from perennial_training.failure import TrainingFailure
from perennial_training.prepare.hashes import mixed, row_hashes, row_sums, texts
from perennial_training.prepare.recognition import (
    Identities,
    NotComparable,
    check_known_again,
    remember,
)

Positions = NDArray[np.float64]
"""A number in [0, 1) for each row, as good as random, and the same in every run."""

MAXIMUM_CLASSES = 1_000
"""Beyond this many classes rows are not held out class by class."""

MAXIMUM_COLUMNS = 1_000
"""So many columns of a very wide dataset tell rows apart: a record takes little more."""

FEW_COMBINATIONS = 0.5
CROWD = 0.05
"""A table whose rows are mostly repetitions, or of which so large a share is one row again and
again, is one of few combinations: to keep equal rows together would hold whole combinations out."""


@dataclass(frozen=True)
class Split:
    """Numbers of the rows of both parts, and the record of how they were told apart."""

    train: NDArray[np.intp]
    """By their hash, so in an order of their own; by time where rows are held out by time."""
    held_out: NDArray[np.intp]
    record: SplitRecord


def split(
    spec: SplitSpec,
    rows: pd.DataFrame,
    columns: Sequence[Column],
    target: pd.Series[Any],
    times: pd.Series[Any] | None,
    is_classes: bool,
) -> Split:
    """Hold rows out.

    ``rows`` are columns of their canonical values and ``columns`` what they hold. ``times`` are
    seconds since 1970, or whatever numbers order the rows.

    Raises:
        TrainingFailure: the rows cannot be told apart in this way.
    """
    at = None if times is None else times.to_numpy(dtype=np.float64)
    if spec.method == "Time":
        assert at is not None
        return _by_time(spec, rows, columns, at)
    if spec.method == "Grouped":
        return _by_group(spec, rows, columns, at)
    hashed = list(columns[:MAXIMUM_COLUMNS])
    if at is not None:
        hashed.append(Column(name=_TIME, kind="Time"))
    values, found = _hashes(rows, hashed, at)
    duplicates: Any = "Together"
    counts = np.unique(found, return_counts=True)[1]
    if counts.size < FEW_COMBINATIONS * len(found) or counts.max() > max(1, CROWD * len(found)):
        # Which of some equal rows with another answer comes first may change: the answer counts.
        hashed.append(Column(name=_TARGET, kind="Category"))
        duplicates, found = "Apart", _apart(found, target)
    positions = _positions(found)
    classes = target.astype(str).to_numpy() if is_classes else np.full(len(rows), "")
    thresholds = _thresholds(positions, classes, spec.test_fraction)
    held_out = positions < _limits(thresholds, classes)
    record = SplitRecord(
        method="Random",
        columns=hashed,
        thresholds=thresholds,
        duplicates=duplicates,
        sample=None if at is None else remember(Identities("Random", values, at)),
    )
    order = np.argsort(positions, kind="stable")
    return Split(order[~held_out[order]], order[held_out[order]], record)


def unseen(
    record: SplitRecord,
    rows: pd.DataFrame,
    columns: Sequence[Column],
    target: pd.Series[Any],
    times: pd.Series[Any] | None,
) -> NDArray[np.bool_]:
    """Tell which of all rows of a dataset a model with this record has not learned from.

    Raises:
        NotComparable: it cannot be told; the text goes on after the model's name.
    """
    at = None if times is None else times.to_numpy(dtype=np.float64)
    if record.method == "Time":
        if at is None or record.trained_until is None:
            raise NotComparable(
                "learned from all rows before a time, and the dataset has no time column now"
            )
        if record.sample is not None:
            # Where columns are gone or of other kinds, only the times themselves are looked for.
            same = set(record.columns) <= set(columns)
            hashes = row_hashes(rows, record.columns) if same else np.zeros(len(rows), np.uint64)
            check_known_again(record.sample, Identities("Time", hashes, at))
        newer: NDArray[np.bool_] = at > record.trained_until
        return newer
    known = {c.name: c.kind for c in columns}
    if at is not None:
        known[_TIME] = "Time"
    wanted = [c for c in record.columns if c.name != _TARGET]
    for column in wanted:
        now = known.get(column.name)
        if now != column.kind:
            found = f"a {now}" if now else "not in the dataset"
            name = "the time of a row" if column.name == _TIME else column.name
            raise NotComparable(
                f"had its rows held out by {name} as a {column.kind}, which is {found} now"
            )
    values, hashes = _hashes(rows, wanted, at)
    if record.sample is not None and at is not None:
        check_known_again(record.sample, Identities(record.method, values, at))
    if record.duplicates == "Apart":
        hashes = _apart(hashes, target)
    by_class = set(record.thresholds) != {""}
    classes = target.astype(str).to_numpy() if by_class else np.full(len(rows), "")
    # A class that it did not know has no threshold, and no row of it was learned from.
    unknown = ~np.isin(classes, list(record.thresholds))
    return (_positions(hashes) < _limits(record.thresholds, classes)) | unknown


_TIME, _TARGET = "\0time", "\0target"
"""Names that no column has."""


def _by_time(
    spec: SplitSpec, rows: pd.DataFrame, columns: Sequence[Column], times: NDArray[np.float64]
) -> Split:
    order = np.argsort(times, kind="stable")
    wanted = max(1, round(len(times) * spec.test_fraction))
    cut = times[order[-wanted]]
    # Rows of one moment stay together: as one moment more or one less comes nearer to the share.
    newer = times[times > cut]
    with_cut = int((times >= cut).sum())
    if newer.size and (wanted - newer.size < with_cut - wanted or with_cut == len(times)):
        cut = newer.min()
    held_out = order[times[order] >= cut]
    train = order[times[order] < cut - spec.gap_seconds]
    if not train.size:
        gap = f" and a gap of {spec.gap_seconds:g} seconds" if spec.gap_seconds else ""
        raise TrainingFailure(
            "DatasetInvalid",
            f"no row is left to learn from: {len(held_out)} of {len(times)} rows are of the newest "
            f"times{gap}; use a smaller split.testFraction or gap, or split method Random",
        )
    hashed = list(columns[:MAXIMUM_COLUMNS])
    known = Identities("Time", row_hashes(rows, hashed), times)
    record = SplitRecord(
        method="Time",
        columns=hashed,
        trained_until=float(times[train].max()),
        sample=remember(known),
    )
    return Split(train, held_out, record)


def _by_group(
    spec: SplitSpec,
    rows: pd.DataFrame,
    columns: Sequence[Column],
    times: NDArray[np.float64] | None,
) -> Split:
    group = [c for c in columns if c.name == spec.column]
    hashes = row_hashes(rows, group)
    positions = _positions(hashes)
    groups = np.unique(positions)
    if groups.size < 2:
        raise TrainingFailure(
            "DatasetInvalid",
            f"split.column {spec.column} has only one value, so no group can be held out: name a "
            "column with many, or use split method Random",
        )
    wanted = min(max(1, round(groups.size * spec.test_fraction)), groups.size - 1)
    threshold = float(groups[wanted])
    held_out = positions < threshold
    order = np.argsort(positions, kind="stable")
    record = SplitRecord(
        method="Grouped",
        columns=group,
        thresholds={"": threshold},
        sample=None if times is None else remember(Identities("Grouped", hashes, times)),
    )
    return Split(order[~held_out[order]], order[held_out[order]], record)


def _thresholds(positions: Positions, classes: NDArray[Any], fraction: float) -> dict[str, float]:
    """Return, by class, the position below which rows are held out.

    So each class keeps its share in both parts; a class of one row is learned from.
    """
    names, numbers = np.unique(classes, return_inverse=True)
    if names.size > MAXIMUM_CLASSES:
        return {"": _threshold(np.sort(positions), fraction)}
    return {
        str(name): _threshold(np.sort(positions[numbers == n]), fraction)
        for n, name in enumerate(names)
    }


def _threshold(ordered: Positions, fraction: float) -> float:
    if ordered.size < 2:
        return 0.0
    wanted = min(max(1, round(ordered.size * fraction)), ordered.size - 1)
    threshold = ordered[wanted]
    if threshold == ordered[0]:  # equal rows would all be below it, or none
        larger = ordered[ordered > threshold]
        threshold = larger[0] if larger.size else 0.0
    return float(threshold)


def _limits(thresholds: dict[str, float], classes: NDArray[Any]) -> Positions:
    default = thresholds.get("", 0.0)
    if set(thresholds) == {""}:
        return np.full(len(classes), default)
    names, numbers = np.unique(classes, return_inverse=True)
    return np.array([thresholds.get(str(n), default) for n in names])[numbers]


def _hashes(
    rows: pd.DataFrame, columns: Sequence[Column], times: NDArray[np.float64] | None
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return hashes of the rows' values, and of these with the time where it is among the columns.

    Both of one pass over the rows.
    """
    of_values = row_sums(rows, [c for c in columns if c.name != _TIME])
    values = mixed(of_values)
    of_time = [c for c in columns if c.name == _TIME]
    if not of_time:
        return values, values
    return values, mixed(of_values + row_sums(pd.DataFrame({_TIME: times}), of_time))


def _apart(hashes: NDArray[np.uint64], target: pd.Series[Any]) -> NDArray[np.uint64]:
    """Return hashes of rows, their answers, and their numbers among their equals."""
    with_answer = mixed(hashes + texts(target.astype(str)))
    number = pd.Series(with_answer).groupby(with_answer).cumcount().to_numpy()
    return mixed(with_answer + number.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))


def _positions(hashes: NDArray[np.uint64]) -> Positions:
    return (hashes >> np.uint64(11)).astype(np.float64) * 2.0**-53
