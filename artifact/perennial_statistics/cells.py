"""Which bins and categories are tested as one cell, so that no cell is too thin."""

import math
from collections.abc import Sequence
from functools import lru_cache
from operator import add

Groups = tuple[tuple[int, ...], ...]
"""For each cell, the positions whose counts are added up in it."""

SMALLEST_EXPECTED_BIN = 1.0
SMALLEST_EXPECTED_CATEGORY = 5.0
FEWEST_OF_A_CATEGORY = 20
"""Rows of the reference from which a category stays by itself: one that was listed because it
happened to be frequent looks as if it had become rarer."""
SURELY = 20
"""Rows of a smaller reference in a cell in which hardly one is expected: so many no chance brings,
they show that the window lacks what the reference has."""


def ordered_groups(reference: Sequence[float], window: Sequence[float]) -> Groups:
    """Return cells of neighbouring bins in which the smaller sample expects at least one row.

    Or has 20, where that is the reference. Bins join from the left; what is left over joins the
    last cell.

    Args:
        reference: K counts in the order of the bins.
        window: K counts of the same bins.

    Raises:
        ValueError: the samples have different numbers of bins.
    """
    share = _smaller_share(reference, window)
    if len(reference) == len(window) and share * _least(reference, window) >= SMALLEST_EXPECTED_BIN:
        return _each(len(window))  # the usual case
    surely = _surely(reference, window)
    groups: list[tuple[int, ...]] = []
    open_cell: list[int] = []
    expected = learned = 0.0
    for i, (r, c) in enumerate(zip(reference, window, strict=True)):
        open_cell.append(i)
        expected, learned = expected + (r + c) * share, learned + r
        if expected >= SMALLEST_EXPECTED_BIN or learned >= surely:
            groups.append(tuple(open_cell))
            open_cell, expected, learned = [], 0.0, 0.0
    if open_cell:
        groups[-1:] = [(*(groups[-1] if groups else ()), *open_cell)]
    return tuple(groups)


def category_groups(reference: Sequence[float], window: Sequence[float]) -> Groups:
    """Return cells of categories; the last position of both samples is ``other``.

    A listed category stays by itself where the reference has 20 of it or more and the smaller
    sample expects 5 or more, or is the reference; all others and ``other`` are one cell, which
    joins the smallest where it expects less than 5 itself, and has not 20 of a smaller reference.

    Args:
        reference: K counts of listed categories, then that of all others.
        window: the same of the window.

    Raises:
        ValueError: the samples have different numbers of categories.
    """
    share, surely = _smaller_share(reference, window), _surely(reference, window)
    pooled = [r + c for r, c in zip(reference, window, strict=True)]
    last = len(pooled) - 1
    alone, rest = [], []
    for i, total in enumerate(pooled):
        enough = total * share >= SMALLEST_EXPECTED_CATEGORY or reference[i] >= surely
        if i < last and reference[i] >= FEWEST_OF_A_CATEGORY and enough:
            alone.append(i)
        else:
            rest.append(i)
    thin = sum(pooled[i] for i in rest) * share < SMALLEST_EXPECTED_CATEGORY
    if alone and thin and sum(reference[i] for i in rest) < surely:
        smallest = min(alone, key=lambda i: pooled[i])
        alone.remove(smallest)
        rest = [smallest, *rest]
    return (*((i,) for i in alone), tuple(rest))


def added_up(counts: Sequence[float], groups: Groups) -> list[float]:
    """Return the counts of the cells."""
    if len(groups) == len(counts):  # each is a cell, in their order
        return list(counts)
    return [sum([counts[i] for i in group]) for group in groups]


def expects_missing(
    reference_missing: float, window_missing: float, reference_rows: float, window_rows: float
) -> bool:
    """Tell whether missing values are a cell: the smaller sample expects one row or more in it.

    Args:
        reference_missing: missing values of the reference.
        window_missing: missing values of the window.
        reference_rows: all rows of the reference, the missing ones included.
        window_rows: all rows of the window.
    """
    rows = reference_rows + window_rows
    share = min(reference_rows, window_rows) / rows if rows else 0.0
    return (reference_missing + window_missing) * share >= SMALLEST_EXPECTED_BIN


@lru_cache(maxsize=256)
def _each(bins: int) -> Groups:
    """Return each bin as a cell of its own."""
    return tuple((i,) for i in range(bins))


def _least(reference: Sequence[float], window: Sequence[float]) -> float:
    return min(map(add, reference, window), default=0.0)


def _smaller_share(reference: Sequence[float], window: Sequence[float]) -> float:
    n, m = sum(reference), sum(window)
    return min(n, m) / (n + m) if n + m else 0.0


def _surely(reference: Sequence[float], window: Sequence[float]) -> float:
    return SURELY if sum(reference) <= sum(window) else math.inf
