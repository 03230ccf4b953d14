"""From a URI to rows that are learned from, rows that are held out, and what is known of both."""

from __future__ import annotations

import contextlib
import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perennial_artifact.manifest import Column, DatasetRecord, SplitRecord
from perennial_artifact.result import DatasetSpec, Note
from perennial_artifact.store import ArtifactNotFound
from perennial_training.failure import TrainingFailure
from perennial_training.limits import check_inputs
from perennial_training.prepare import checks
from perennial_training.prepare.feedback import Found, Logged, learn, notes_of
from perennial_training.prepare.files import Digest, Directory
from perennial_training.prepare.kinds import Settled, settle, summary
from perennial_training.prepare.newest import not_before
from perennial_training.prepare.notes import counted, listing, note
from perennial_training.prepare.split import Split, split, unseen
from perennial_training.prepare.tables import ENDINGS, Piece, is_table, read
from perennial_training.prepare.values import is_missing

MINIMUM_ROWS = 50


@dataclass(frozen=True)
class Rows:
    """All rows of a run, numbered from 0."""

    columns: tuple[Column, ...]
    """What is learned from."""
    frame: pd.DataFrame
    """Canonical values of every column that could be learned from: a champion may have."""
    known: tuple[Column, ...]
    """What the columns of ``frame`` hold."""
    target: pd.Series[Any]
    times: pd.Series[Any] | None
    split: Split
    groups: pd.Series[Any] | None
    """Of the rows that are learned from, which belong together."""
    record: DatasetRecord
    notes: tuple[Note, ...]
    are_moments: bool = False
    """Whether ``times`` are seconds since 1970, and not other numbers."""
    feedback: Found | None = None
    """What the request log held; None where nothing is logged, or none is asked for."""

    @property
    def train(self) -> pd.DataFrame:
        """The features that are learned from."""
        return self._features(self.split.train)

    @property
    def train_target(self) -> pd.Series[Any]:
        """Their answers."""
        return self.target.iloc[self.split.train]

    @property
    def test(self) -> pd.DataFrame:
        """The features that are held out."""
        return self._features(self.split.held_out)

    @property
    def test_target(self) -> pd.Series[Any]:
        """Their answers."""
        return self.target.iloc[self.split.held_out]

    @property
    def test_times(self) -> pd.Series[Any]:
        """When the held-out rows happened; there must be a time column."""
        assert self.times is not None
        return self.times.iloc[self.split.held_out]

    @property
    def held_out(self) -> pd.DataFrame:
        """The held-out rows with all their columns."""
        return self.frame.iloc[self.split.held_out]

    @property
    def features(self) -> pd.DataFrame:
        """The features of both parts."""
        return self._features(np.concatenate([self.split.train, self.split.held_out]))

    @property
    def time_ordered(self) -> bool:
        """Whether the rows that are learned from are in order of time."""
        return self.split.record.method == "Time"

    def moment(self, time: float) -> str:
        """Return a time of a row as people write it."""
        return _moment(time, self.are_moments)

    def _features(self, rows: NDArray[np.intp]) -> pd.DataFrame:
        return self.frame[[c.name for c in self.columns]].iloc[rows]

    def new_to(self, record: SplitRecord) -> NDArray[np.bool_]:
        """Tell which held-out rows a model with this record of a split has not learned from.

        Raises:
            NotComparable: it cannot be told.
        """
        fresh = unseen(record, self.frame, self.known, self.target, self.times)
        return fresh[self.split.held_out]


def load(
    spec: DatasetSpec, task: str, secret_dir: Path | None, log_secret_dir: Path | None = None
) -> Rows:
    """Read every file that the URI names, add the labelled requests, and split the rows.

    Rows without a target, or without a time where one is asked for, are left out, and so are those
    from before ``spec.since``.

    Raises:
        TrainingFailure: there is no such file, or the rows do not fit the spec.
        StoreUnreachable: the store does not answer.
    """
    digest = Digest()
    settled = settle(_pieces(spec.uri, secret_dir, digest), spec, task)
    spec, target, times = settled.spec, settled.target, settled.times
    columns = tuple(c for name in settled.features for c in settled.columns if c.name == name)
    if not columns:
        besides = listing([n for n in (spec.target, spec.time_column, spec.split.column) if n])
        raise _invalid(f"{spec.uri} has no column besides {besides} to learn from")
    frame = settled.frame
    logged: Logged | None = None
    with contextlib.suppress(ArtifactNotFound):  # nothing was logged yet
        logged = learn(spec, task, columns, settled.known, target, times, log_secret_dir, digest)
    if logged is not None:
        frame, target, times = _with(logged, settled)
    old = np.zeros(len(frame), dtype=bool)
    if spec.since is not None and times is not None:
        old = ~not_before(spec.since, times.to_numpy(dtype=np.float64))
        frame, target = frame[~old].reset_index(drop=True), target[~old].reset_index(drop=True)
        times = times[~old].reset_index(drop=True)
    _check_values(settled, columns, frame, int(old.sum()))
    is_classes = task == "Classification"
    # All that is known of a row tells it apart, so that other features leave it on its side.
    held = split(spec.split, frame, settled.known, target, times, is_classes)
    columns, empty = _with_values(columns, frame, held, listed=bool(spec.features))
    check_inputs(columns, task)  # before what takes long with many columns
    if is_classes:
        _check_classes(target, held)
    seen = checks.Rows(frame, columns, target, _mask(held, len(frame)), is_classes)
    start = end = frequent_end = None
    if times is not None:
        start, end = (_moment(m, settled.are_moments) for m in (times.min(), times.max()))
        frequent = times[target == target.mode().iloc[0]].max()
        frequent_end = _moment(frequent, settled.are_moments) if is_classes else None
    return Rows(
        columns=columns,
        frame=frame,
        known=settled.known,
        target=target,
        times=times,
        split=held,
        groups=None if settled.group is None else frame[settled.group.name].iloc[held.train],
        record=DatasetRecord(
            uri=spec.uri,
            sha256=digest.text(),
            rows=len(frame),
            feedback_rows=None
            if spec.feedback is None
            else (logged.found.rows - int(old[len(settled.frame) :].sum()) if logged else 0),
            held_out=len(held.held_out),
            start=start,
            end=end,
            frequent_end=frequent_end,
            since=_since(spec),
        ),
        notes=(
            note("columns", summary(columns, settled.left_out)),
            *settled.notes,
            *_too_old(spec, int(old.sum())),
            *(notes_of(spec.feedback, logged) if spec.feedback and logged else ()),
            *_without_group(settled, frame, held),
            *empty,
            *checks.check(seen, spec.checks),
        ),
        are_moments=settled.are_moments,
        feedback=None if logged is None else logged.found,
    )


def _pieces(uri: str, secret_dir: Path | None, digest: Digest) -> list[Piece]:
    """Return the rows of all files that a URI names."""
    fixed = uri.split("*")[0].split("?")[0].split("[")[0]
    parent = fixed.rpartition("/")[0]
    not_found = TrainingFailure(
        "DatasetNotFound",
        f"{uri} names no file that ends in {', '.join(ENDINGS[:3])} or {ENDINGS[-1]}: upload the "
        "rows or correct dataset.uri",
    )
    if parent.endswith(":/"):  # s3://bucket, without a file
        raise not_found
    try:
        directory = Directory(parent, secret_dir)
    except ArtifactNotFound as error:
        raise not_found from error
    pattern = uri[len(parent) + 1 :] or "*"
    names = [n for n in directory.names() if fnmatch.fnmatchcase(n, pattern) and is_table(n)]
    if not names:
        raise not_found
    return [read(name, content) for name, content in directory.read(names, digest)]


def _with(
    logged: Logged, settled: Settled
) -> tuple[pd.DataFrame, pd.Series[Any], pd.Series[Any] | None]:
    """Return the dataset's rows with the logged ones below them, what these lack being missing."""
    more = logged.features.reset_index(drop=True)
    for column in settled.known:
        if column.name not in more:
            more[column.name] = "" if column.kind == "Category" else np.nan
    frame = pd.concat([settled.frame, more[list(settled.frame)]], ignore_index=True)
    target = pd.concat([settled.target, logged.target], ignore_index=True)
    times = settled.times
    if times is not None:
        times = pd.concat([times, logged.times], ignore_index=True)
    return frame, target.rename(settled.spec.target), times


def _since(spec: DatasetSpec) -> str | None:
    return None if spec.since is None else _moment(spec.since.timestamp(), is_moment=True)


def _too_old(spec: DatasetSpec, old: int) -> tuple[Note, ...]:
    if not old:
        return ()
    left = counted(old, "row", "is")
    return (note("rows", f"{left} from before {_since(spec)} and left out (dataset.newest)"),)


def _without_group(settled: Settled, frame: pd.DataFrame, held: Split) -> tuple[Note, ...]:
    """Tell of rows that count as one group since they name none, as logged ones do."""
    group = settled.group
    if group is None:
        return ()
    none = is_missing(frame[group.name], group.kind).to_numpy(dtype=bool)
    if none.sum() < 2:
        return ()
    side = "held out" if none[held.held_out].any() else "learned from"
    has = counted(int(none.sum()), "row", "has")
    return (
        note(
            "split",
            f"{has} no {group.name} (split.column), so all count as one group, and are {side}: "
            "leave them out, or use another split.method; logged requests have the inputs of the "
            f"model alone, so with dataset.feedback list {group.name} in dataset.features",
        ),
    )


def _check_values(
    settled: Settled, columns: Sequence[Column], frame: pd.DataFrame, old: int
) -> None:
    spec = settled.spec
    if len(frame) < MINIMUM_ROWS:
        found = f"{spec.uri} has {counted(len(frame), 'row')} with a {spec.target}"
        if old:
            raise _invalid(
                f"{found} since {_since(spec)}, and {counted(old, 'older one')}; at least "
                f"{MINIMUM_ROWS} are needed: add newer rows, or raise dataset.newest"
            )
        raise _invalid(f"{found}; at least {MINIMUM_ROWS} are needed")
    for column in columns:
        if beyond := settled.too_large.get(column.name):
            values = "values that are" if beyond.count > 1 else "value that is"
            raise _invalid(
                f"{column.name} has {beyond.count} {values} infinite or beyond single precision "
                f"(3.4e38), such as {beyond.example:g} in {beyond.file}: correct them, list them "
                f"in dataset.missing, or leave {column.name} out of dataset.features"
            )


def _with_values(
    columns: Sequence[Column], frame: pd.DataFrame, held: Split, listed: bool
) -> tuple[tuple[Column, ...], list[Note]]:
    """Leave out columns of which nothing can be learned, where they were not asked for by name."""
    train = frame.iloc[held.train]
    empty = [c for c in columns if is_missing(train[c.name], c.kind).all()]
    if not empty:
        return tuple(columns), []
    names = f"{listing([c.name for c in empty])} has no value in the training rows"
    if listed or len(empty) == len(columns):
        raise _invalid(f"{names}: leave it out of dataset.features")
    return tuple(c for c in columns if c not in empty), [
        note("missing", f"{names}; it is left out")
    ]


def _check_classes(target: pd.Series[Any], held: Split) -> None:
    answers = target.iloc[held.train]
    if answers.nunique() < 2:
        raise _invalid(
            f"{target.name} has only the value {answers.iloc[0]} in the training rows; a "
            "classifier needs two classes"
        )


def _mask(held: Split, count: int) -> NDArray[np.bool_]:
    mask = np.zeros(count, dtype=bool)
    mask[held.held_out] = True
    return mask


def _moment(value: float, is_moment: bool) -> str:
    if not is_moment:
        return f"{value:.12g}"  # seconds since 1970 have ten digits
    return str(pd.Timestamp(round(value * 1e6), unit="us", tz="UTC"))[:64]


def _invalid(message: str) -> TrainingFailure:
    return TrainingFailure("DatasetInvalid", message)
