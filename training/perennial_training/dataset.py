"""Read the dataset, check it, add what was learned in service, hold rows out."""

from __future__ import annotations

import fnmatch
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from perennial_artifact.manifest import DatasetRecord
from perennial_artifact.result import DatasetSpec
from perennial_training import feedback
from perennial_training.failure import TrainingFailure
from perennial_training.files import Digest, Directory
from perennial_training.table import Table, feature

MINIMUM_ROWS = 50
SEED = 20130101


@dataclass(frozen=True)
class Rows:
    """Training and held-out rows: feature frames and target series with the same index."""

    train: pd.DataFrame
    train_target: pd.Series[Any]
    test: pd.DataFrame
    test_target: pd.Series[Any]
    record: DatasetRecord
    feedback: feedback.Found | None = None
    """What the request log held; None where there is none."""


def load(
    spec: DatasetSpec, task: str, secret_dir: Path | None, log_secret_dir: Path | None = None
) -> Rows:
    """Read every file that the URI names, add the labelled requests, and split the rows.

    Raises:
        TrainingFailure: there is no such file, or the rows do not fit the spec.
        StoreUnreachable: the store does not answer.
    """
    digest = Digest()
    table = _table(spec, _read(spec.uri, secret_dir, digest))
    found = None
    if spec.feedback is not None and spec.feedback.uri is not None and len(table.target):
        names = (spec.target, spec.time_column or "")
        learned, found = feedback.learn(spec.feedback, table, task, names, log_secret_dir, digest)
        table = table.plus(learned)
    _check(spec, task, table.target)
    start = end = None
    if table.moments is not None:
        moments = table.moments.sort_values(kind="stable")
        table = table.picked(moments.index)
        start, end = str(moments.iloc[0]), str(moments.iloc[-1])
    held_out = max(1, round(len(table.target) * spec.split.test_fraction))
    if spec.split.method == "Random":
        table = table.picked(table.inputs.sample(frac=1.0, random_state=SEED).index)
    return Rows(
        train=table.inputs.iloc[:-held_out],
        train_target=table.target.iloc[:-held_out],
        test=table.inputs.iloc[-held_out:],
        test_target=table.target.iloc[-held_out:],
        record=DatasetRecord(
            uri=spec.uri,
            sha256=digest.text(),
            rows=len(table.target),
            feedback_rows=None if spec.feedback is None else found.rows if found else 0,
            start=start,
            end=end,
        ),
        feedback=found,
    )


def _table(spec: DatasetSpec, frame: pd.DataFrame) -> Table:
    """Return the rows that have a target."""
    features = spec.features or [
        c for c in frame.columns if c not in (spec.target, spec.time_column)
    ]
    wanted = [spec.target, *features, *([spec.time_column] if spec.time_column else [])]
    if absent := [c for c in wanted if c not in frame.columns]:
        raise TrainingFailure(
            "DatasetInvalid",
            f"{spec.uri} has no column {', '.join(absent)}; it has {', '.join(frame.columns)}",
        )
    frame = frame[frame[spec.target].notna()]
    return Table(
        inputs=pd.DataFrame({name: feature(frame[name]) for name in features}, index=frame.index),
        target=frame[spec.target],
        moments=frame[spec.time_column] if spec.time_column else None,
    )


def _check(spec: DatasetSpec, task: str, target: pd.Series[Any]) -> None:
    if len(target) < MINIMUM_ROWS:
        raise TrainingFailure(
            "DatasetInvalid",
            f"{spec.uri} has {len(target)} rows with a {spec.target}; at least {MINIMUM_ROWS} "
            "are needed",
        )
    if task == "Classification" and target.nunique() < 2:
        raise TrainingFailure(
            "DatasetInvalid",
            f"{spec.target} has only the value {target.iloc[0]!r}; a classifier needs two classes",
        )
    if task == "Regression" and not pd.api.types.is_numeric_dtype(target):
        raise TrainingFailure(
            "DatasetInvalid", f"{spec.target} is not numeric; use task Classification"
        )


def _read(uri: str, secret_dir: Path | None, digest: Digest) -> pd.DataFrame:
    fixed = uri.split("*")[0].split("?")[0].split("[")[0]
    parent = fixed.rsplit("/", 1)[0]
    directory = Directory(parent, secret_dir)
    pattern = uri[len(parent) + 1 :] or "*"
    names = [
        name
        for name in directory.names()
        if fnmatch.fnmatchcase(name, pattern) and name.endswith((".parquet", ".csv"))
    ]
    if not names:
        raise TrainingFailure(
            "DatasetNotFound",
            f"{uri} names no file that ends in .parquet or .csv: upload the rows or correct "
            "dataset.uri",
        )
    frames = []
    for name, content in directory.read(names, digest):
        read = pd.read_parquet if name.endswith(".parquet") else pd.read_csv
        try:
            frames.append(read(io.BytesIO(content)))
        except Exception as error:
            raise TrainingFailure("DatasetInvalid", f"{name} cannot be parsed: {error}") from error
    return pd.concat(frames, ignore_index=True)
