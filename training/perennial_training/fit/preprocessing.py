"""Columns to the one matrix that an estimator sees, in steps that ONNX repeats bit by bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from perennial_artifact.manifest import Column
from perennial_training.fit import clock
from perennial_training.fit.algorithms import Algorithm

MAXIMUM_CATEGORIES = 64
"""Categories of a column that have a feature of their own; all others have none of them."""

Feature = tuple[str, str | None]
"""A column, and the part or the category of it that a feature is; None for a number."""


@dataclass(frozen=True)
class Preprocessing:
    """What was learned from the training rows about their columns.

    Features are, in this order: numbers and booleans, the parts of times (``clock.names``), and
    one for each known category of each category column.
    """

    columns: tuple[Column, ...]
    categories: dict[str, list[str]]
    """The known categories of each category column, sorted; '' is missing."""
    medians: NDArray[np.float32] | None
    """What stands for a missing number, a part of a time included; None keeps NaN."""
    centre: NDArray[np.float64] | None
    scale: NDArray[np.float64] | None
    """A number less ``centre``, through ``scale``; None leaves numbers as they are."""
    double: bool
    """Whether scaled numbers stay in double precision, or are rounded to single."""

    @property
    def numbers(self) -> list[str]:
        """Names of number and boolean columns."""
        return [c.name for c in self.columns if c.kind in ("Number", "Boolean")]

    @property
    def times(self) -> list[str]:
        """Names of time columns."""
        return [c.name for c in self.columns if c.kind == "Time"]

    def features(self) -> list[Feature]:
        """Return what each feature is of."""
        found: list[Feature] = [(name, None) for name in self.numbers]
        found += clock.names(self.times)
        return found + [(name, c) for name, known in self.categories.items() for c in known]

    def transform(self, inputs: pd.DataFrame) -> NDArray[np.float64]:
        """Return the features of rows, shape [n, features], in doubles.

        All of them, or where ``double`` is false the scaled ones too, have a value of float32.

        Raises:
            KeyError: a column is not there.
        """
        single = numbers(inputs, self.numbers, self.times)
        if self.medians is not None:
            single = np.where(np.isnan(single), self.medians, single)
        values = single.astype(np.float64)
        if self.centre is not None and self.scale is not None:
            values = (values - self.centre) / self.scale
            if not self.double:
                with np.errstate(over="ignore"):  # as ONNX' Cast: beyond float32 is infinite
                    values = values.astype(np.float32).astype(np.float64)
        # Filled in place: of wide tables there is no room for two.
        features = np.zeros((len(inputs), len(self.features())))
        features[:, : values.shape[1]] = values
        start = values.shape[1]
        for name, known in self.categories.items():
            found = pd.Index(words(inputs[name]), dtype=object)
            codes = pd.Index(known, dtype=object).get_indexer(found)
            seen = np.flatnonzero(codes >= 0)
            features[seen, start + codes[seen]] = 1.0
            start += len(known)
        return features


def learn(inputs: pd.DataFrame, columns: Sequence[Column], algorithm: Algorithm) -> Preprocessing:
    """Learn from the training rows what an algorithm needs to know about their columns.

    ``inputs`` has a column of each name: floats with NaN for missing (a Time in seconds since
    1970), or text with '' for missing.
    """
    known = {c.name: frequent(inputs[c.name]) for c in columns if c.kind == "Category"}
    made = Preprocessing(tuple(columns), known, None, None, None, algorithm.double)
    single = numbers(inputs, made.numbers, made.times)
    medians = centre = scale = None
    if not algorithm.keeps_missing:
        medians = np.zeros(single.shape[1], dtype=np.float32)  # of a column without a value
        for i, column in enumerate(single.T):
            present = column[~np.isnan(column)].astype(np.float64)
            if present.size:
                medians[i] = np.median(present)
        single = np.where(np.isnan(single), medians, single)
    values = single.astype(np.float64)
    if values.shape[1] and algorithm.scaling == "Standard":
        scaler = StandardScaler().fit(values)  # it knows a constant column from a narrow one
        centre, scale = scaler.mean_, scaler.scale_
    elif values.shape[1] and algorithm.scaling == "Unit":
        centre = values.min(axis=0)
        width = values.max(axis=0) - centre
        scale = np.where(width > 0, width, 1.0)
    return Preprocessing(tuple(columns), known, medians, centre, scale, algorithm.double)


def numbers(inputs: pd.DataFrame, plain: list[str], times: list[str]) -> NDArray[np.float32]:
    """Return number columns and the parts of time columns, shape [n, features]; NaN is missing."""
    blocks: list[NDArray[np.float32]] = []
    with np.errstate(over="ignore"):  # 1e39 is infinite in single precision, as at serving
        blocks += [inputs[name].to_numpy(np.float32).reshape(-1, 1) for name in plain]
    if times:
        moments = np.stack([inputs[name].to_numpy(np.float64) for name in times], axis=1)
        blocks.append(clock.parts(moments))
    empty = np.empty((len(inputs), 0), dtype=np.float32)
    return np.concatenate([empty, *blocks], axis=1)


def words(values: pd.Series[Any]) -> NDArray[Any]:
    """Return a category column as text objects, '' for missing."""
    texts = values.astype(object)
    return np.asarray(texts.where(texts.notna(), "").to_numpy(), dtype=object)


def frequent(values: pd.Series[Any]) -> list[str]:
    """Return the most frequent categories, sorted; among equals, the first by name.

    All of them have features: scikit-learn's own cap makes one of the rare ones together, which
    has no ONNX form.
    """
    counts = pd.Series(words(values)).value_counts()
    ranked = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    return sorted(str(name) for name, _ in ranked[:MAXIMUM_CATEGORIES])
