"""The score of a prediction in one byte: the same for all versions, so that any pod can count it.

0 says that there is no score: the model gave none, or what is no number. So does 83, where bytes
say probabilities.
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
BOUNDS = (0.0, *EDGES, math.nextafter(1.0, 2.0))
"""The byte of a probability is how many of these it reaches; what is no number reaches all."""
CONFIDENCES = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Probabilities of the answer, between which the levels of a class lie."""
MAXIMUM_CLASSES = 255
SIZES: dict[Score, int] = {"Probability": len(BOUNDS) + 1, "Class": 256, "Number": 1, "None": 1}
"""How many bytes there are to count, by what they say: numbers are not counted by their bytes."""
_STEPS = 254


def of_probability(probability: float) -> int:
    """Return the byte of the second class's probability."""
    return bisect_right(BOUNDS, probability)


def probabilities(byte: int) -> tuple[float, float] | None:
    """Return between which probabilities a byte lies, None where it says none."""
    if not 0 < byte < len(BOUNDS):
        return None
    return BOUNDS[byte - 1], min(BOUNDS[byte], 1.0)


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
