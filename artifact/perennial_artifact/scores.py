"""The score of a prediction in one byte: the same for all versions, so that any pod can count it.

0 says that there is no score: the model gave none, or what is no number.
"""

import math
from bisect import bisect_right
from typing import Literal

Score = Literal["Probability", "Class", "Number", "None"]
"""What the bytes of a version's predictions say: the probability of the second of two classes;
which of several classes, and how surely; a number; nothing."""

EDGES: tuple[float, ...] = tuple(1 / (1 + math.exp(-step / 4)) for step in range(-40, 41))
"""Probabilities between which the bytes 1 to 82 lie: a quarter of log odds apart, 0.5 among them,
from where on the second class is the answer."""
CONFIDENCES = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Probabilities of the answer, between which the levels of a class lie."""
MAXIMUM_CLASSES = 255
SIZES: dict[Score, int] = {"Probability": len(EDGES) + 2, "Class": 256, "Number": 1, "None": 1}
"""How many bytes there are to count, by what they say: numbers are not counted by their bytes."""
_STEPS = 254


def of_probability(probability: float) -> int:
    """Return the byte of the second class's probability."""
    if not 0 <= probability <= 1:
        return 0
    return bisect_right(EDGES, probability) + 1


def probabilities(byte: int) -> tuple[float, float]:
    """Return between which probabilities a byte other than 0 lies."""
    bounds = (0.0, *EDGES, 1.0)
    return bounds[byte - 1], bounds[byte]


def levels(classes: int) -> int:
    """Return into how many levels of confidence each of so many classes is divided."""
    return len(CONFIDENCES) + 1 if classes * (len(CONFIDENCES) + 1) <= MAXIMUM_CLASSES else 1


def class_of(byte: int, classes: int) -> int:
    """Return the class, counted from 0, that a byte other than 0 says, of so many."""
    return (byte - 1) // levels(classes)


def number_of(byte: int, low: float, high: float) -> float | None:
    """Return the number that a byte says of numbers from low to high, None where it was none.

    The lowest and the highest are exact, so that a single one is; the others are off by a 508th of
    what lies between.
    """
    if byte == 0:
        return None
    if high == low:
        return low
    return low + (byte - 1) / _STEPS * (high - low)
