"""Numbers as a status carries them: the same before and after they were written and read."""

import math
from collections.abc import Sequence
from itertools import pairwise

DIGITS = 10
"""Digits that are kept of what is not whole; whole numbers are kept as they are."""
LARGEST = 1e15


def kept(value: float) -> float:
    """Return a number as it is carried on: finite, rounded, and never minus zero.

    Records round whenever they change, not when they are written, so that an operator that was
    restarted goes on with exactly the numbers of one that was not.
    """
    if math.isnan(value):
        return 0.0
    value = max(-LARGEST, min(LARGEST, value))
    whole = round(value)
    return float(whole) if whole == value else float(f"{value:.{DIGITS}g}")


def as_list(values: Sequence[float]) -> list[float]:
    """Return numbers for JSON; whole ones as integers, as an API server gives them back."""
    return [int(v) if v == int(v) else v for v in values]


def from_list(values: Sequence[float], count: int) -> tuple[float, ...]:
    """Return the numbers of a list that was written by ``as_list``.

    Raises:
        ValueError: it has another length, or something else than finite numbers.
    """
    if len(values) != count:
        raise ValueError(f"{len(values)} numbers were carried on where {count} belong")
    numbers = tuple(float(v) for v in values)
    if not all(math.isfinite(v) for v in numbers):
        raise ValueError("a number that was carried on is not finite")
    return numbers


def in_percent(share: float) -> str:
    """Return a share for people, with as many digits as its size asks for: 3.1%, 0.05%, 97%."""
    percent = 100 * share
    if percent >= 99.95 or percent <= 0:
        return f"{percent:.4g}%"
    digits = 2 if percent < 10 or percent >= 99 else 3
    return f"{percent:.{digits + (2 if percent >= 99 else 0)}g}%"


def told_apart(values: Sequence[float]) -> list[str]:
    """Return numbers for people, with as many digits, at least four, as tell them apart.

    Codes and years stay whole: 10115 and 10119 are not both 1.012e+04.
    """
    for digits in range(4, 17):
        found = [_in_digits(value, digits) for value in values]
        if len(set(found)) == len(set(values)):
            return found
    return [repr(value) for value in values]


def ranges(edges: Sequence[float]) -> list[str]:
    """Return what is between increasing edges, for people, in one part more than edges."""
    names = told_apart(edges)
    if not names:
        return ["all"]
    between = [f"{a} to {b}" for a, b in pairwise(names)]
    return [f"below {names[0]}", *between, f"from {names[-1]} on"]


def _in_digits(value: float, digits: int) -> str:
    text = f"{value:.{digits}g}"
    return f"{value:.0f}" if "e+" in text and abs(value) < LARGEST else text


def in_points(share: float) -> str:
    """Return a difference of shares for people: 1 point, 0.5 points."""
    points = f"{100 * share:.4g}"
    return f"{points} point{'' if points == '1' else 's'}"


def counted(number: float, of: str) -> str:
    """Return a number of things: 1 request, 2,160 requests."""
    return f"{number:,.0f} {of}{'' if number == 1 else 's'}"
