"""Outcomes that arrive, counted by the version that predicted and by how old the prediction is."""

from __future__ import annotations

import math
import struct
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from perennial_artifact.buckets import Buckets
from perennial_artifact.outcomes import AGES, Errors, Known, Outcomes, Rewards, add_outcomes
from perennial_artifact.scores import SIZES, Score
from perennial_artifact.sketch import TIERS
from perennial_serving.evidence.receipts.duplicates import Duplicates
from perennial_serving.evidence.receipts.receipt import Receipt
from perennial_serving.evidence.receipts.settings import LARGEST, Reward
from perennial_serving.system.errors import SHOWN

MAXIMUM_BYTES = 16 * 1024 * 1024
MAXIMUM_LABELS = 64
"""Different labels beside the model's own classes; all others are counted as one."""
OTHER = "other"
_KEY_BYTES = 250
_DAY = 86_400
_ROW = struct.Struct(">I")

Label = str | int | float | bool


class Outcome(NamedTuple):
    """What became known of one row of a receipt."""

    receipt: Receipt
    row: int
    label: Label | None
    reward: float | None


class _Key(NamedTuple):
    """What is counted apart; ``measure`` is a label's text, or '' where it is not of labels."""

    version: str
    score: Score
    age: int
    measure: Literal["labels", "errors", "rewards"]
    label: str


@dataclass
class Tally:
    """What arrived in one bucket of time."""

    sums: dict[_Key, NDArray[np.float64]] = field(default_factory=dict)

    def __add__(self, other: Self, /) -> Self:
        """Return what arrived in both."""
        found = dict(self.sums)
        for key, sums in other.sums.items():
            found[key] = found[key] + sums if key in found else sums
        return type(self)(found)

    @property
    def bytes(self) -> int:
        """The memory that it takes."""
        return sum(each.nbytes + _KEY_BYTES for each in self.sums.values())


class OutcomeCounts:
    """Counts of outcomes; all but ``wrong`` belong to the event loop's thread."""

    def __init__(self, classes: Sequence[str], reward: Reward, duplicates: Duplicates) -> None:
        """Count labels that are one of these classes, or of a few others."""
        self._reward, self._duplicates = reward, duplicates
        self._labels = set(classes)
        self._others: set[str] = set()
        self._others_since = 0.0
        self.buckets: Buckets[Tally] = Buckets(Tally, 0, TIERS)
        self._bytes = 0

    def wrong(self, outcome: Outcome) -> str:
        """Return why an outcome cannot be counted, '' where it can; any thread may ask."""
        receipt, row, label, reward = outcome
        if not 0 <= row < len(receipt.scores):
            told = f"the receipt is of {len(receipt.scores)} rows, and row {row} is none of them"
            return f"{told}: the first is 0"
        if label is not None and receipt.score == "Number" and _number(label) is None:
            shown = text_of(label)[:SHOWN]
            return f"label {shown!r} is no number, and the model predicts numbers"
        low, high = self._reward
        if reward is not None and not low <= reward <= high:
            told = f"reward {reward:g} is outside of what was declared, {low:g} to {high:g}"
            return f"{told} (spec.serving.receipts.reward)"
        return ""

    def count(self, outcome: Outcome, now: float) -> bool:
        """Count an outcome that was checked; tell whether it, or a part of it, is new."""
        receipt, row, label, reward = outcome
        age = AGES[min(bisect_left(AGES, now - receipt.time), len(AGES) - 1)]
        name = receipt.name + _ROW.pack(row)
        is_new = False
        if label is not None and self._duplicates.is_new(name + b"label"):
            is_new = True
            if receipt.score == "Number":
                self._count_error(receipt, row, label, age, now)
            else:
                key = self._key(receipt, age, "labels", self._label(label, now))
                self._sums(key, SIZES[receipt.score], now)[receipt.scores[row]] += 1
        if reward is not None and self._duplicates.is_new(name + b"reward"):
            is_new = True
            sums = self._sums(self._key(receipt, age, "rewards"), 3, now)
            sums += (1.0, reward, reward * reward)
        return is_new

    def between(self, start: int, end: int, now: float) -> list[Outcomes]:
        """Return what arrived in ``[start, end)``, bounds of closed buckets, by version."""
        total = Tally()
        for _, _, tally in self.buckets.between(start, end, now):
            total = total + tally
        return add_outcomes([_told(key, sums)] for key, sums in total.sums.items())

    def _count_error(self, receipt: Receipt, row: int, label: Label, age: int, now: float) -> None:
        predicted, true = receipt.number(row), _number(label)
        if predicted is None or true is None:
            return
        error = predicted - true
        square = error * error
        sums = self._sums(self._key(receipt, age, "errors"), 5, now)
        sums += (1.0, error, abs(error), square, square * square)

    def _key(
        self,
        receipt: Receipt,
        age: int,
        measure: Literal["labels", "errors", "rewards"],
        label: str = "",
    ) -> _Key:
        return _Key(receipt.version, receipt.score, age, measure, label)

    def _sums(self, key: _Key, size: int, now: float) -> NDArray[np.float64]:
        """Return the sums of a key in the bucket of now, to be added to."""
        sums = self.buckets.at(now).sums
        found = sums.get(key)
        if found is None:
            found = sums[key] = np.zeros(size)
            self._bytes += found.nbytes + _KEY_BYTES
            self._bound()
        return found

    def _bound(self) -> None:
        """Forget what is oldest where all take too much; what was put together takes less."""
        if self._bytes <= MAXIMUM_BYTES:
            return
        self._bytes = sum(tally.bytes for tally in self.buckets.all())
        while self._bytes > MAXIMUM_BYTES and (oldest := self.buckets.drop_oldest()) is not None:
            self._bytes -= oldest.bytes

    def _label(self, label: Label, now: float) -> str:
        """Return the class that a label names, or its text, if there are not too many of a day."""
        text = text_of(label)
        if text in self._labels or text in self._others:
            return text
        if not isinstance(label, str):  # 1, 1.0 and true may be one class
            for word in (str(label), f"{float(label):g}"):
                if word in self._labels:
                    return word
        if now - self._others_since > _DAY:
            self._others_since = now
            self._others.clear()
        if len(self._others) < MAXIMUM_LABELS:
            self._others.add(text)
            return text
        return OTHER


def text_of(label: Label) -> str:
    """Return a label as JSON writes it, but words without quotes."""
    return label if isinstance(label, str) else msgspec.json.encode(label).decode()


def _number(label: Label) -> float | None:
    """Return the number that a label says, None where it says none that can be counted."""
    try:
        value = float(label)
    except (ValueError, OverflowError):
        return None
    return value if math.isfinite(value) and abs(value) <= LARGEST else None


def _told(key: _Key, sums: NDArray[np.float64]) -> Outcomes:
    """Return what a window says of one key."""
    values = sums.tolist()
    if key.measure == "labels":
        counts = {byte: int(count) for byte, count in enumerate(values) if count}
        known = Known(age=key.age, labels={key.label: counts})
    elif key.measure == "errors":
        known = Known(age=key.age, errors=Errors(int(values[0]), *values[1:]))
    else:
        known = Known(age=key.age, rewards=Rewards(int(values[0]), *values[1:]))
    return Outcomes(version=key.version, score=key.score, known=[known])
