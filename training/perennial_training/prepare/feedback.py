"""Logged requests joined with what became of them: rows to learn from.

A request log is a directory with ``requests/`` and ``feedback/``, Parquet files both, one line a
row of a request: id, row, time, inputs and outputs there; id, row, time, label and reward here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from perennial_artifact.manifest import Column
from perennial_artifact.result import DatasetSpec, FeedbackSpec, Note
from perennial_training.failure import TrainingFailure
from perennial_training.prepare.conform import classes_like, moments_like, numbers_like
from perennial_training.prepare.files import Digest, Directory
from perennial_training.prepare.notes import counted, note
from perennial_training.prepare.values import as_kind

SKEW = pd.Timedelta(seconds=5)
"""How far the clocks of two pods may differ; a label can come that much before its request."""

KEY = ["id", "row", "time"]


@dataclass(frozen=True)
class Found:
    """What a request log held, in numbers."""

    files: int = 0
    labels: int = 0
    rows: int = 0
    """Requests' rows that have a label that can be learned from."""
    unusable_labels: int = 0
    """Labels that are none of the dataset's classes, or no numbers."""
    files_without_features: int = 0
    """Files from before every feature was allowed; their requests are left out."""


@dataclass(frozen=True)
class Logged:
    """Labelled requests in the dataset's own terms, and what the log held."""

    features: pd.DataFrame
    target: pd.Series[Any]
    times: pd.Series[Any]
    """When they came, in seconds since 1970."""
    found: Found


def learn(
    dataset: DatasetSpec,
    task: str,
    columns: Sequence[Column],
    known: Sequence[Column],
    target: pd.Series[Any],
    times: pd.Series[Any] | None,
    secret_dir: Path | None,
    digest: Digest,
) -> Logged | None:
    """Return the labelled requests of a dataset's log; None where there is none, or none is wanted.

    ``columns`` are learned from and must be in the log. Of the others that are ``known`` a row has
    what was logged, by which it is told apart: the same, whatever is learned from. ``target`` and
    ``times`` are the dataset's own, whose form the log's take.

    Raises:
        ArtifactNotFound: nothing was logged yet, and a directory on a disk is not there.
        TrainingFailure: the log lacks a feature, or nothing in it fits the dataset.
        StoreUnreachable: the store does not answer.
    """
    spec = dataset.feedback
    if spec is None or spec.uri is None or target.empty:
        return None
    log = _Log(spec, secret_dir, digest)
    labels = log.labels()
    names = [c.name for c in columns]
    besides = [c.name for c in known if c.name not in names]
    requests = log.requests(names, besides, labels["id"])
    if not log.files:
        return None
    joined = join(requests, labels)
    is_classes = task == "Classification"
    usable = classes_like(joined["label"], target) if is_classes else numbers_like(joined["label"])
    if len(joined) and usable.empty:
        raise TrainingFailure(
            "FeedbackInvalid",
            f"no label of {spec.deployment} can be learned from, such as "
            f"{str(joined['label'].iloc[0])[:64]!r}: send values of {dataset.target}, such as "
            f"{str(target.iloc[0])[:64]!r}",
        )
    rows = joined.loc[usable.index]
    logged = [c for c in known if f"input.{c.name}" in rows]
    features = {c.name: as_kind(rows[f"input.{c.name}"], c.kind) for c in logged}
    found = Found(
        files=log.files,
        labels=len(labels),
        rows=len(rows),
        unusable_labels=len(joined) - len(rows),
        files_without_features=log.files_without_features,
    )
    moments = rows["time"] if times is None else moments_like(rows["time"], times)
    return Logged(pd.DataFrame(features, index=rows.index), usable, moments, found)


def notes_of(spec: FeedbackSpec, logged: Logged) -> tuple[Note, ...]:
    """Return what of a log was left out, and why."""
    found, told = logged.found, list[str]()
    if found.unusable_labels:
        labels = counted(found.unusable_labels, "label", "is")
        told.append(
            f"{labels} left out, of {found.unusable_labels + found.rows:,} of {spec.deployment}'s "
            "requests: not one of the dataset's classes, or no number"
        )
    if found.files_without_features:
        files = counted(found.files_without_features, "file", "is")
        told.append(
            f"{files} left out of {spec.deployment}'s request log, since not every feature was "
            "logged then"
        )
    return tuple(note("feedback", each) for each in told)


def join(requests: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """Return the requests that have a label, each with its newest and when that was told.

    They are sorted by time.

    A label is about the newest request of its id and row before it, since a client may use an id
    again; or, as clocks differ, about the first within ``SKEW`` after it.
    """
    requests = requests.sort_values("time", kind="stable", ignore_index=True)
    labels = labels.sort_values("time", kind="stable", ignore_index=True)
    keys = requests[KEY].assign(request=requests.index)

    def nearest(direction: Any, tolerance: Any = None) -> pd.Series[Any]:
        matched = pd.merge_asof(
            labels, keys, on="time", by=["id", "row"], direction=direction, tolerance=tolerance
        )
        return matched["request"]

    about = nearest("backward").fillna(nearest("forward", SKEW)).dropna()
    newest = about[~about.duplicated(keep="last")].sort_values()
    joined = requests.loc[newest.astype("int64")]
    labelled = labels.loc[newest.index]
    return joined.assign(label=labelled["label"].to_numpy(), told=labelled["time"].array)


class _Log:
    """The files of a request log."""

    def __init__(self, spec: FeedbackSpec, secret_dir: Path | None, digest: Digest) -> None:
        assert spec.uri is not None
        self._spec, self._digest = spec, digest
        self._directory = Directory(spec.uri, secret_dir)
        self._names = [n for n in self._directory.names(spec.until) if n.endswith(".parquet")]
        self.files = 0
        self.files_without_features = 0

    def _below(self, part: str) -> list[str]:
        names = [name for name in self._names if name.startswith(f"{part}/")]
        self.files += len(names)
        return names

    def labels(self) -> pd.DataFrame:
        """Return every label: id, row, time, label."""
        wanted = [*KEY, "label"]
        tables = []
        for name, content in self._directory.read(self._below("feedback"), self._digest):
            table = self._read(name, self._open(name, content, wanted), wanted)
            tables.append(table.filter(pc.is_valid(table["label"])))
        return _frame(tables, wanted)

    def requests(
        self, features: Sequence[str], besides: Sequence[str], ids: pd.Series[Any]
    ) -> pd.DataFrame:
        """Return the requests with one of these ids: id, row, time, inputs, others where logged.

        Raises:
            TrainingFailure: no file has every feature.
        """
        inputs = [f"input.{name}" for name in features]
        wanted, others = [*KEY, *inputs], [f"input.{name}" for name in besides]
        labelled = pa.array(ids.drop_duplicates().to_list(), pa.string())
        tables, fewest = [], list[str]()
        for name, content in self._directory.read(self._below("requests"), self._digest):
            file = self._open(name, content, KEY)
            lacking = [c for c in inputs if c not in file.schema_arrow.names]
            if lacking:
                self.files_without_features += 1
                fewest = min(fewest, lacking, key=len) if fewest else lacking
                continue
            more = [c for c in others if c in file.schema_arrow.names]
            table = self._read(name, file, [*wanted, *more])
            tables.append(table.filter(pc.is_in(table["id"].cast(pa.string()), labelled)))
        if fewest and not tables:
            absent = ", ".join(c.removeprefix("input.") for c in fewest[:8])
            raise TrainingFailure(
                "FeedbackInvalid",
                f"the request log of {self._spec.deployment} lacks {absent}"
                f"{' and others' if len(fewest) > 8 else ''}: add what may be logged to its "
                "spec.serving.requestLog.features, and leave the rest out of dataset.features",
            )
        return _frame(tables, wanted)

    def _open(self, name: str, content: bytes, wanted: Sequence[str]) -> Any:
        try:
            file = pq.ParquetFile(pa.BufferReader(content))
        except (pa.ArrowException, OSError) as error:
            raise self._broken(name, str(error)) from error
        if absent := [c for c in wanted if c not in file.schema_arrow.names]:
            raise self._broken(name, f"it has no column {', '.join(absent)}")
        return file

    def _read(self, name: str, file: Any, wanted: Sequence[str]) -> Any:
        try:
            return file.read(columns=wanted)
        except (pa.ArrowException, OSError) as error:
            raise self._broken(name, str(error)) from error

    def _broken(self, name: str, why: str) -> TrainingFailure:
        place = f"{str(self._spec.uri).rstrip('/')}/{name}"
        return TrainingFailure("FeedbackInvalid", f"{place} cannot be read, remove it: {why}")


def _frame(tables: Sequence[Any], wanted: Sequence[str]) -> pd.DataFrame:
    """Return tables below one another, with the types that a join needs."""
    frames = [t.to_pandas() for t in tables if t.num_rows]
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(wanted))
    frame["time"] = pd.to_datetime(frame["time"], utc=True).astype("datetime64[us, UTC]")
    return frame.astype({"id": "str", "row": "int64"})
