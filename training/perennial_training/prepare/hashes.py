"""Hashes of rows by what is in them: the same on every machine, and in every release."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perennial_artifact.manifest import Column


def row_hashes(rows: pd.DataFrame, columns: Sequence[Column]) -> NDArray[np.uint64]:
    """Return a hash of each row's values, whatever the order of the columns.

    Numbers are hashed by their IEEE 754 bits (one NaN, one zero), text by BLAKE2b of its UTF-8; the
    columns' hashes are mixed with that of the name by the finaliser of SplitMix64 (Steele, Lea and
    Flood 2014) and added up. So it is the same on every machine and in every release.
    """
    return mixed(row_sums(rows, columns))


def row_sums(rows: pd.DataFrame, columns: Sequence[Column]) -> NDArray[np.uint64]:
    """Return what is mixed to a hash; that of more columns is the sum of both."""
    total = np.zeros(len(rows), np.uint64)
    for column in columns:
        values = rows[column.name]
        if column.kind == "Category":
            hashed = texts(values)
        else:
            hashed = bits(values.to_numpy(dtype=np.float64, na_value=np.nan))
        total += mixed(hashed + _text(column.name))
    return total


def texts(values: pd.Series[Any]) -> NDArray[np.uint64]:
    """Return a hash of each text."""
    codes, distinct = pd.factorize(values.astype("object"))
    return np.array([_text(str(text)) for text in distinct], np.uint64)[codes]


def bits(numbers: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Return the IEEE 754 bits of each number, of one NaN and one zero."""
    numbers = numbers + 0.0  # -0 becomes 0
    numbers[np.isnan(numbers)] = np.nan
    return numbers.view(np.uint64)


def mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return SplitMix64's finaliser of each number: other numbers one to one, as good as random."""
    z = numbers
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _text(text: str) -> np.uint64:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))
