"""Many tests at once: p-values so adjusted that they can be held against one level."""

from collections.abc import Sequence


def holm(p_values: Sequence[float], tests: int | None = None) -> list[float]:
    """Return adjusted p-values: with them at most alpha, a false alarm anywhere has chance alpha.

    Valid however the tests depend on each other (Holm 1979). In the order given.

    Args:
        p_values: the smallest ones are enough, for no larger one changes what is made of them.
        tests: how many were done, where those are not all.
    """
    count, highest = len(p_values) if tests is None else tests, 0.0
    adjusted = [1.0] * len(p_values)
    for rank, i in enumerate(_ascending(p_values)):
        highest = max(highest, min(1.0, (count - rank) * p_values[i]))
        adjusted[i] = highest
    return adjusted


def benjamini_hochberg(p_values: Sequence[float], tests: int | None = None) -> list[float]:
    """Return adjusted p-values: of those at most q, a share of at most q is expected to be false.

    For independent or positively dependent tests (Benjamini & Hochberg 1995). In the order given.

    Args:
        p_values: those at most q are enough, for no larger one brings any below it.
        tests: how many were done, where those are not all.
    """
    return _step_up(p_values, 1.0, tests)


def benjamini_yekutieli(p_values: Sequence[float]) -> list[float]:
    """Return the same for tests that depend in any way (Benjamini & Yekutieli 2001)."""
    return _step_up(p_values, sum(1 / k for k in range(1, len(p_values) + 1)))


def _step_up(p_values: Sequence[float], factor: float, tests: int | None = None) -> list[float]:
    count, lowest = len(p_values) if tests is None else tests, 1.0
    adjusted = [1.0] * len(p_values)
    for rank, i in reversed(list(enumerate(_ascending(p_values), start=1))):
        lowest = min(lowest, p_values[i] * factor * count / rank)
        adjusted[i] = lowest
    return adjusted


def _ascending(p_values: Sequence[float]) -> list[int]:
    return sorted(range(len(p_values)), key=lambda i: p_values[i])
