"""What a receipt says, and how it is written: one string for a response, a byte for each row."""

from __future__ import annotations

import math
import struct
from typing import NamedTuple

from perennial_artifact.outcomes import VERSION_LENGTH
from perennial_artifact.scores import Score, number_of
from perennial_serving.evidence.receipts.keys import OVERHEAD, Keys

MAXIMUM_ROWS = 16_384
"""A larger response has no receipt."""
_FORMAT = 1
_SCORES: tuple[Score, ...] = ("None", "Probability", "Class", "Number")
_HEAD = struct.Struct(f">BB{VERSION_LENGTH // 2}sI")
_RANGE = struct.Struct(">dd")
MAXIMUM_LENGTH = 2 * (_HEAD.size + _RANGE.size + MAXIMUM_ROWS + OVERHEAD)


class Receipt(NamedTuple):
    """What a version predicted, and when."""

    name: bytes
    """Of this receipt alone."""
    version: str
    """What stands for the version that predicted."""
    score: Score
    """What the bytes say."""
    time: int
    """Seconds since 1970."""
    scores: bytes
    """Of each row."""
    low: float = 0.0
    high: float = 0.0
    """Between which numbers lie."""

    def number(self, row: int) -> float | None:
        """Return the number that was predicted for a row, None where it was none."""
        return number_of(self.scores[row], self.low, self.high)


class Head:
    """How the receipts of one version begin, made once."""

    def __init__(self, version: str, score: Score) -> None:
        self._version, self._score = bytes.fromhex(version), _SCORES.index(score)

    def __call__(self, now: int) -> bytes:
        """Return it at a moment, in seconds since 1970."""
        return _HEAD.pack(_FORMAT, self._score, self._version, now)


def span(low: float, high: float) -> bytes:
    """Return what follows the head where the bytes are numbers."""
    return _RANGE.pack(low, high)


def first(score: Score, before: bytes, scores: bytes) -> float:
    """Return the first row's byte or, of numbers, the number itself; what is none is NaN."""
    if score != "Number":
        return scores[0]
    found = number_of(scores[0], *_RANGE.unpack(before))
    return math.nan if found is None else found


def read(text: str, keys: Keys) -> Receipt | None:
    """Return what a receipt says, None where it is none of this deployment's."""
    if len(text) > MAXIMUM_LENGTH:
        return None
    found = keys.open(text)
    if found is None:
        return None
    name, content = found
    if len(content) < _HEAD.size or content[0] != _FORMAT:
        return None
    _, score, version, moment = _HEAD.unpack_from(content)
    if score >= len(_SCORES):  # of a newer server
        return None
    rest, kind = content[_HEAD.size :], _SCORES[score]
    if kind != "Number":
        return Receipt(name, version.hex(), kind, moment, rest)
    low, high = _RANGE.unpack_from(rest)
    return Receipt(name, version.hex(), kind, moment, rest[_RANGE.size :], low, high)
