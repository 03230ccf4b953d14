"""From a model's answers to a byte a row."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from perennial_artifact.manifest import Tensor
from perennial_artifact.scores import BOUNDS, CONFIDENCES, MAXIMUM_CLASSES, Score, levels
from perennial_artifact.sketch import rounded
from perennial_serving.evidence.receipts.receipt import span
from perennial_serving.evidence.receipts.settings import LARGEST
from perennial_serving.model.datatypes import Arrays
from perennial_serving.model.loaded import Model

_ONE = [bytes((byte,)) for byte in range(256)]
_CONFIDENCES = np.array(CONFIDENCES)
_DOUBLE = np.array(BOUNDS)
# A single-precision number reaches a bound where it reaches the next such number.
_SINGLE = rounded(_DOUBLE, np.inf)
_NUMBERS = ("FP16", "FP32", "FP64", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32")


class Scorer(ABC):
    """Knows what of a model's answers is the score."""

    score: ClassVar[Score]
    classes: Sequence[str] = ()
    """What the bytes number, where they do; without names of its own a class is its number."""

    @abstractmethod
    def read(self, results: Arrays, rows: int) -> tuple[bytes, bytes]:
        """Return what precedes the bytes, and the bytes, one for each of ``rows`` rows."""


class _Nothing(Scorer):
    score = "None"

    def read(self, results: Arrays, rows: int) -> tuple[bytes, bytes]:
        return b"", bytes(rows)


class _Probability(Scorer):
    """Of the second of two classes."""

    score = "Probability"

    def __init__(self, tensor: Tensor, classes: Sequence[str] = ()) -> None:
        self._name, self.classes = tensor.name, _named(classes, 2)

    def read(self, results: Arrays, rows: int) -> tuple[bytes, bytes]:
        values = results[self._name]
        if rows == 1 and values.size == 2:
            return b"", _ONE[bisect_right(BOUNDS, values.item(1))]
        if values.shape != (rows, 2):
            return b"", bytes(rows)
        bounds = _SINGLE if values.itemsize == 4 else _DOUBLE
        return b"", bounds.searchsorted(values[:, 1], "right").astype(np.uint8).tobytes()


class _Class(Scorer):
    """The most probable of several classes, and how probable it is."""

    score = "Class"

    def __init__(self, tensor: Tensor, count: int, classes: Sequence[str] = ()) -> None:
        self._name, self._count, self._levels = tensor.name, count, levels(count)
        self.classes = _named(classes, count)

    def read(self, results: Arrays, rows: int) -> tuple[bytes, bytes]:
        values = results[self._name]
        if values.shape != (rows, self._count):
            return b"", bytes(rows)
        best = values.argmax(axis=1)
        found = best * self._levels + 1
        if self._levels > 1:
            found += _CONFIDENCES.searchsorted(values.max(axis=1), "right")
        found[np.isnan(values).any(axis=1)] = 0
        return b"", found.astype(np.uint8).tobytes()


class _Label(Scorer):
    """The answered class alone, by its name."""

    score = "Class"

    def __init__(self, tensor: Tensor, classes: Sequence[str]) -> None:
        self._name, self.classes = tensor.name, classes
        each = levels(len(classes))
        self._bytes: Mapping[str, int] = {name: n * each + 1 for n, name in enumerate(classes)}

    def read(self, results: Arrays, rows: int) -> tuple[bytes, bytes]:
        values = results[self._name].ravel().tolist()
        if len(values) != rows:
            return b"", bytes(rows)
        return b"", bytes(self._bytes.get(_text(value), 0) for value in values)


class _Number(Scorer):
    """A number; the bytes lie between the lowest and the highest of the response."""

    score = "Number"

    def __init__(self, tensor: Tensor) -> None:
        self._name = tensor.name

    def read(self, results: Arrays, rows: int) -> tuple[bytes, bytes]:
        values = results[self._name].ravel()
        if rows == 1 and values.size == 1:
            value = float(values.item())
            if not -LARGEST <= value <= LARGEST:
                return span(0.0, 0.0), b"\x00"
            return span(value, value), b"\x01"
        return _numbers(values.astype(np.float64), rows)


def _numbers(values: NDArray[Any], rows: int) -> tuple[bytes, bytes]:
    sound = np.abs(values) <= LARGEST
    if values.size != rows or not sound.any():
        return span(0.0, 0.0), bytes(rows)
    known = values[sound]
    low, high = float(known.min()), float(known.max())
    found = np.zeros(rows, np.uint8)
    steps = np.rint((known - low) * (254 / (high - low))) if high > low else np.zeros(known.size)
    found[sound] = steps + 1
    return span(low, high), found.tobytes()


def scorer(model: Model) -> Scorer:
    """Return what reads the score of a model's answers.

    That is its ``probabilities``; else its ``label``, where its classes are known; else a
    ``prediction``, or its only output, where that is one number a row.
    """
    outputs = {t.name: t for t in model.outputs}
    shares = outputs.get("probabilities")
    if shares is not None and len(shares.shape) == 2 and shares.datatype in ("FP32", "FP64"):
        count = shares.shape[1] if shares.shape[1] > 0 else len(model.classes)
        if count == 2:
            return _Probability(shares, model.classes)
        if 2 < count <= MAXIMUM_CLASSES:
            return _Class(shares, count, model.classes)
    label = outputs.get("label")
    if label is not None and 1 < len(model.classes) <= MAXIMUM_CLASSES:
        return _Label(label, model.classes)
    only = model.outputs[0] if len(model.outputs) == 1 else None
    found = outputs.get("prediction", only)
    if label is None and found is not None and _is_number(found):
        return _Number(found)
    return _Nothing()


def _named(classes: Sequence[str], count: int) -> Sequence[str]:
    return classes if len(classes) == count else [str(number) for number in range(count)]


def _is_number(tensor: Tensor) -> bool:
    return tensor.datatype in _NUMBERS and tensor.shape[1:] in ([], [1])


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
