"""Files as people have them: one or several, CSV of several kinds, Parquet, hive partitions."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

Layout = Callable[[pd.DataFrame, Path], None]


def csv(separator: str = ",", parts: int = 1, suffix: str = "csv", missing: str = "") -> Layout:
    """Return a layout of CSV files with a header each."""

    def write(frame: pd.DataFrame, directory: Path) -> None:
        for number, part in _parts(frame, parts):
            path = directory / f"part-{number}.{suffix}"
            part.to_csv(path, sep=separator, na_rep=missing, index=False)

    return write


def parquet(parts: int = 1) -> Layout:
    """Return a layout of Parquet files that keep types: categories, decimals, nullable ones."""

    def write(frame: pd.DataFrame, directory: Path) -> None:
        for number, part in _parts(frame, parts):
            part.to_parquet(directory / f"part-{number}.parquet", index=False)

    return write


def hive(column: str, inner: Layout) -> Layout:
    """Return a layout with a directory for each value of a column, which is in no file."""

    def write(frame: pd.DataFrame, directory: Path) -> None:
        for value, part in frame.groupby(column, observed=True):
            place = directory / f"{column}={value}"
            place.mkdir()
            inner(part.drop(columns=column), place)

    return write


def _parts(frame: pd.DataFrame, parts: int) -> Iterator[tuple[int, pd.DataFrame]]:
    for number, rows in enumerate(np.array_split(np.arange(len(frame)), parts)):
        yield number, frame.iloc[rows]
