"""Read the dataset, check it, hold rows out."""

from __future__ import annotations

import fnmatch
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from perennial_artifact.manifest import DatasetRecord
from perennial_artifact.result import DatasetSpec
from perennial_artifact.store import StoreUnreachable, open_store
from perennial_training.failure import TrainingFailure

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


def load(spec: DatasetSpec, task: str, secret_dir: Path | None) -> Rows:
    """Read every file that the URI names and split the rows.

    Raises:
        TrainingFailure: there is no such file, or the rows do not fit the spec.
        StoreUnreachable: the store does not answer.
    """
    frame, digest = _read(spec.uri, secret_dir)
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
    if len(frame) < MINIMUM_ROWS:
        raise TrainingFailure(
            "DatasetInvalid",
            f"{spec.uri} has {len(frame)} rows with a {spec.target}; at least {MINIMUM_ROWS} "
            "are needed",
        )
    start = end = None
    if spec.time_column:
        frame = frame.sort_values(spec.time_column, kind="stable")
        start, end = str(frame[spec.time_column].iloc[0]), str(frame[spec.time_column].iloc[-1])
    target = frame[spec.target]
    if task == "Classification" and target.nunique() < 2:
        raise TrainingFailure(
            "DatasetInvalid",
            f"{spec.target} has only the value {target.iloc[0]!r}; a classifier needs two classes",
        )
    if task == "Regression" and not pd.api.types.is_numeric_dtype(target):
        raise TrainingFailure(
            "DatasetInvalid", f"{spec.target} is not numeric; use task Classification"
        )
    inputs = pd.DataFrame({name: _column(frame[name]) for name in features}, index=frame.index)
    held_out = max(1, round(len(frame) * spec.split.test_fraction))
    if spec.split.method == "Random":
        order = frame.sample(frac=1.0, random_state=SEED).index
        inputs, target = inputs.loc[order], target.loc[order]
    return Rows(
        train=inputs.iloc[:-held_out],
        train_target=target.iloc[:-held_out],
        test=inputs.iloc[-held_out:],
        test_target=target.iloc[-held_out:],
        record=DatasetRecord(uri=spec.uri, sha256=digest, rows=len(frame), start=start, end=end),
    )


def _column(values: pd.Series[Any]) -> pd.Series[Any]:
    if pd.api.types.is_numeric_dtype(values):
        return values.astype("float32")
    return values.astype("object").where(values.notna(), "").astype(str)


def _read(uri: str, secret_dir: Path | None) -> tuple[pd.DataFrame, str]:
    import obstore

    fixed = uri.split("*")[0].split("?")[0].split("[")[0]
    directory = fixed.rsplit("/", 1)[0]
    store = open_store(directory, secret_dir)
    pattern = uri[len(directory) + 1 :] or "*"
    try:
        names = sorted(
            entry["path"]
            for page in obstore.list(store)
            for entry in page
            if fnmatch.fnmatchcase(entry["path"], pattern)
            and entry["path"].endswith((".parquet", ".csv"))
        )
        contents = [bytes(obstore.get(store, name).bytes()) for name in names]
    except Exception as error:
        raise StoreUnreachable(
            f"{uri} cannot be read: check the store's endpoint and the Secret's credentials "
            f"({type(error).__name__})"
        ) from error
    if not names:
        raise TrainingFailure(
            "DatasetNotFound",
            f"{uri} names no file that ends in .parquet or .csv: upload the rows or correct "
            "dataset.uri",
        )
    digest = hashlib.sha256()
    frames = []
    for name, content in zip(names, contents, strict=True):
        digest.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
        read = pd.read_parquet if name.endswith(".parquet") else pd.read_csv
        try:
            frames.append(read(io.BytesIO(content)))
        except Exception as error:
            raise TrainingFailure("DatasetInvalid", f"{name} cannot be parsed: {error}") from error
    return pd.concat(frames, ignore_index=True), digest.hexdigest()
