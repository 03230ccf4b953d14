"""Whether more rows repeat another one than in the reference, which may have equal rows too."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from perennial_statistics.chi_square import g_test
from perennial_statistics.design_effect import INDEPENDENT, DesignEffect, corrected_p

Occurrences = Sequence[tuple[int, int]]
"""How often a row occurs, and how many distinct rows occur so often."""


def all_rows(found: Occurrences) -> int:
    """Return of how many rows occurrences tell."""
    return sum(times * distinct for times, distinct in found)


def repeated_share(found: Occurrences, among: int) -> float:
    """Return the expected share of rows that repeat another one, among some of them.

    Of N rows, k are drawn without replacement. A row that occurs n times is among them with the
    probability 1 - C(N - n, k) / C(N, k), which summed up are the distinct ones (rarefaction;
    Hurlbert, Ecology 52, 1971). So samples of different sizes can be compared: the larger one has
    more equal rows by its size alone.

    Args:
        found: of N rows.
        among: k, from 1 to N.

    Raises:
        ValueError: there are not so many rows.
    """
    rows = all_rows(found)
    if not 1 <= among <= rows:
        raise ValueError(f"of {rows} rows none can be {among}")
    distinct = math.fsum(
        count * -math.expm1(_log_absent(rows, times, among)) for times, count in found
    )
    return max(0.0, 1 - distinct / among)


def _log_absent(rows: int, times: int, among: int) -> float:
    """Return the logarithm of C(rows - times, among) / C(rows, among)."""
    if times > rows - among:
        return -math.inf
    # As a product of `times` terms it loses no digits; as one of gammas it takes no time.
    if times <= 64:
        return math.fsum(math.log1p(-among / (rows - n)) for n in range(times))
    return (
        math.lgamma(rows - times + 1)
        - math.lgamma(rows - times - among + 1)
        - math.lgamma(rows + 1)
        + math.lgamma(rows - among + 1)
    )


class Duplicates(NamedTuple):
    """The shares of rows that repeat another one, and the chance of so many more by luck."""

    rows: int
    """Among so many they are expected."""
    found: float
    usual: float
    p: float


def duplicates(
    reference: Occurrences, window: Occurrences, effect: DesignEffect = INDEPENDENT
) -> Duplicates:
    """Return the test that more rows repeat another one than in the reference.

    Both sides are brought down to as many rows as the smaller one has; then it is a G of two cells.

    Args:
        reference: of the rows that the model learned from.
        window: of live rows.
        effect: the window's design effect in rows that are equal to another one, and the others.
    """
    rows = min(all_rows(reference), all_rows(window))
    if rows < 1:
        return Duplicates(0, 0.0, 0.0, 1.0)
    usual, found = repeated_share(reference, rows), repeated_share(window, rows)
    if found <= usual:
        return Duplicates(rows, found, usual, 1.0)
    g = g_test(*((share * rows, (1 - share) * rows) for share in (usual, found)))
    return Duplicates(rows, found, usual, corrected_p(g.g, g.df, effect))
