"""Read the dataset, check it, add what was learned in service, hold rows out."""

from __future__ import annotations

import contextlib
import fnmatch
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from perennial_artifact.manifest import DatasetRecord
from perennial_artifact.result import DatasetSpec
from perennial_artifact.store import ArtifactNotFound
from perennial_training.columns import columns
from perennial_training.failure import TrainingFailure
from perennial_training.feedback import Found, learn
from perennial_training.files import Digest, Directory

MINIMUM_ROWS = 50
SEED = 20130101


@dataclass(frozen=True)
class Rows:
    """Training and held-out rows: feature frames and target series with the same index."""

    train: pd.DataFrame
    train_target: pd.Series[Any]
    test: pd.DataFrame
    test_target: pd.Series[Any]
    held_out: pd.DataFrame
    """The held-out rows with all their columns: a champion may have learned from others."""
    record: DatasetRecord
    feedback: Found | None = None
    """What the request log held; None where nothing is logged, or none is asked for."""


def load(
    spec: DatasetSpec, task: str, secret_dir: Path | None, log_secret_dir: Path | None = None
) -> Rows:
    """Read every file that the URI names, add the labelled requests, and split the rows.

    Rows without a target, or without a time where one is asked for, are left out.

    Raises:
        TrainingFailure: there is no such file, or the rows do not fit the spec.
        StoreUnreachable: the store does not answer.
    """
    digest = Digest()
    frame = _read(spec.uri, secret_dir, digest)
    features = spec.features or [
        c for c in frame.columns if c not in (spec.target, spec.time_column)
    ]
    wanted = [spec.target, *features, *([spec.time_column] if spec.time_column else [])]
    if absent := [c for c in wanted if c not in frame.columns]:
        raise TrainingFailure(
            "DatasetInvalid",
            f"{spec.uri} has no column {', '.join(absent)}; it has {', '.join(frame.columns)}",
        )
    if not features:
        raise TrainingFailure(
            "DatasetInvalid",
            f"{spec.uri} has no column besides {' and '.join(wanted)} to learn from",
        )
    frame = frame[frame[spec.target].notna()]
    known = _classes if task == "Classification" else _numbers
    frame = frame.assign(**{spec.target: known(frame[spec.target])})
    if spec.time_column:
        times = _times(frame[spec.time_column])
        frame = frame.assign(**{spec.time_column: times})[times.notna()]
    found = None
    with contextlib.suppress(ArtifactNotFound):  # nothing was logged yet
        frame, found = learn(spec, task, features, frame, log_secret_dir, digest)
    if spec.time_column:
        frame = frame.sort_values(spec.time_column, kind="stable")
    if len(frame) < MINIMUM_ROWS:
        raise TrainingFailure(
            "DatasetInvalid",
            f"{spec.uri} has {len(frame)} rows with a {spec.target}; at least {MINIMUM_ROWS} "
            "are needed",
        )
    start = end = None
    if spec.time_column:
        start, end = (str(frame[spec.time_column].iloc[i])[:64] for i in (0, -1))
    if spec.split.method == "Random":
        frame = frame.sample(frac=1.0, random_state=SEED)
    inputs, target = columns(frame, features), frame[spec.target]
    held_out = max(1, round(len(frame) * spec.split.test_fraction))
    train, train_target = inputs.iloc[:-held_out], target.iloc[:-held_out]
    if empty := [c for c in features if _is_missing(train[c]).all()]:
        raise TrainingFailure(
            "DatasetInvalid",
            f"{', '.join(empty)} has no value in the training rows: leave it out of "
            "dataset.features",
        )
    if task == "Classification" and train_target.nunique() < 2:
        raise TrainingFailure(
            "DatasetInvalid",
            f"{spec.target} has only the value {train_target.iloc[0]} in the training rows; a "
            "classifier needs two classes",
        )
    return Rows(
        train=train,
        train_target=train_target,
        test=inputs.iloc[-held_out:],
        test_target=target.iloc[-held_out:],
        held_out=frame.iloc[-held_out:],
        record=DatasetRecord(
            uri=spec.uri,
            sha256=digest.text(),
            rows=len(frame),
            feedback_rows=None if spec.feedback is None else found.rows if found else 0,
            start=start,
            end=end,
        ),
        feedback=found,
    )


def _is_missing(values: pd.Series[Any]) -> pd.Series[Any]:
    return values.isna() | (values == "")


def _times(values: pd.Series[Any]) -> pd.Series[Any]:
    """Return what orders the rows; text is not put in order as text, where 10 comes before 9."""
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values):
        return values
    try:
        return pd.to_datetime(values, format="ISO8601", utc=True)
    except (ValueError, TypeError) as error:
        raise TrainingFailure(
            "DatasetInvalid",
            f"{values.name} holds times that are not ISO 8601; write them as 2013-07-01T12:00:00Z",
        ) from error


def _classes(target: pd.Series[Any]) -> pd.Series[Any]:
    """Return labels as int64 or text: ONNX knows no others, and a label must survive as text."""
    target = target.astype("object").infer_objects()
    if not pd.api.types.is_numeric_dtype(target):
        return target.astype(str)
    whole = target.astype("int64")
    if (whole != target).any():
        raise TrainingFailure(
            "DatasetInvalid", f"{target.name} holds fractions; use task Regression"
        )
    return whole


def _numbers(target: pd.Series[Any]) -> pd.Series[Any]:
    if not pd.api.types.is_numeric_dtype(target):
        raise TrainingFailure(
            "DatasetInvalid", f"{target.name} is not numeric; use task Classification"
        )
    return target.astype("float64")


def _read(uri: str, secret_dir: Path | None, digest: Digest) -> pd.DataFrame:
    """Return the rows of all files that a URI names."""
    fixed = uri.split("*")[0].split("?")[0].split("[")[0]
    parent = fixed.rpartition("/")[0]
    not_found = TrainingFailure(
        "DatasetNotFound",
        f"{uri} names no file that ends in .parquet or .csv: upload the rows or correct "
        "dataset.uri",
    )
    if parent.endswith(":/"):  # s3://bucket, without a file
        raise not_found
    try:
        directory = Directory(parent, secret_dir)
    except ArtifactNotFound as error:
        raise not_found from error
    pattern = uri[len(parent) + 1 :] or "*"
    names = [
        name
        for name in directory.names()
        if fnmatch.fnmatchcase(name, pattern) and name.endswith((".parquet", ".csv"))
    ]
    if not names:
        raise not_found
    frames = []
    for name, content in directory.read(names, digest):
        read = pd.read_parquet if name.endswith(".parquet") else pd.read_csv
        try:
            frames.append(read(io.BytesIO(content)))
        except Exception as error:
            raise TrainingFailure("DatasetInvalid", f"{name} cannot be parsed: {error}") from error
    return pd.concat(frames, ignore_index=True)
