"""Answers of two versions to the same requests, as a gateway sends copies of them."""

from collections.abc import Iterable

from perennial.plan.core.questions import Answers
from perennial_artifact.pairs import Pairs, add_pairs, paired
from perennial_artifact.scores import class_of, probabilities

SECOND = 0.5
"""The probability from which on the second of two classes is the answer."""


def kept(answers: Answers, revision: str) -> Pairs | None:
    """Return the answers that a revision's pods kept, None where none tells any."""
    told = [w.pairs for w in answers.of(revision) if w.pairs is not None]
    try:
        return add_pairs(told) if told else None
    except ValueError:  # of several versions: what is no model's word is nobody's
        return None


def said(pairs: Pairs, answer: float) -> str | None:
    """Return the class that an answer names, None where it names none."""
    classes, byte = pairs.classes, int(answer)
    if pairs.score == "Probability":
        between = probabilities(byte)
        second = between is not None and between[0] >= SECOND
        return None if between is None or len(classes) != 2 else classes[second]
    if pairs.score != "Class" or not byte or not classes:
        return None
    index = class_of(byte, len(classes))
    return classes[index] if index < len(classes) else None


def differing(stable: Pairs, other: Pairs, tolerance: float | None) -> tuple[int, int]:
    """Return how many requests both answered, and how many of them differently.

    Args:
        stable: the present version's answers.
        other: those of the version on trial, which say the same.
        tolerance: how far apart numbers may be; None: 1 % of stable's.
    """
    both = paired(stable, other)
    if stable.score == "Number":
        found: Iterable[bool] = (not _near(a, b, tolerance) for a, b in both)
    else:
        found = (said(stable, a) != said(other, b) for a, b in both)
    return len(both), sum(found)


def _near(a: float, b: float, tolerance: float | None) -> bool:
    """Tell whether two numbers are the same; what is no number is the same as another such."""
    if a != a or b != b:
        return a != a and b != b
    return abs(a - b) <= (abs(a) / 100 if tolerance is None else tolerance)
