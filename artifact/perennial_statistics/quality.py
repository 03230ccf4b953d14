"""Tests of the values themselves: missing, beyond the reference's range, never seen before."""

import math
from dataclasses import dataclass
from typing import Literal

from perennial_statistics.beta_distribution import beta_binomial_tail
from perennial_statistics.chi_square import g_test
from perennial_statistics.design_effect import INDEPENDENT, DesignEffect, corrected_p

Check = Literal["Missing", "OutOfRange", "UnseenCategory"]

MISSING_BEYOND_USUAL = 0.02
OUT_OF_RANGE = 0.01
UNSEEN_CATEGORY = 0.01


@dataclass(frozen=True)
class QualityTest:
    """The share of bad values beyond what is usual, and the chance of so many by luck."""

    check: Check
    share: float
    p: float


def missing_values(
    reference_missing: float,
    reference_rows: float,
    window_missing: float,
    window_rows: float,
    effect: DesignEffect = INDEPENDENT,
) -> QualityTest:
    """Return the test that more values are missing than in the reference: G of two cells.

    Args:
        reference_missing: missing values of the reference.
        reference_rows: all its rows.
        window_missing: missing values of the window.
        window_rows: all its rows.
        effect: the window's design effect in these two cells.
    """
    if not reference_rows or not window_rows:
        return QualityTest("Missing", 0.0, 1.0)
    beyond = window_missing / window_rows - reference_missing / reference_rows
    if beyond <= 0:  # fewer are no fault of the data
        return QualityTest("Missing", 0.0, 1.0)
    found = g_test(
        (reference_missing, reference_rows - reference_missing),
        (window_missing, window_rows - window_missing),
    )
    return QualityTest("Missing", beyond, corrected_p(found.g, found.df, effect))


def out_of_range(
    outside: float, window_values: float, reference_values: float, phi: float = 1
) -> QualityTest:
    """Return the test that more values lie beyond the reference's minimum and maximum than chance
    puts there: beta-binomial(m; 2, n - 1).

    Of n independent continuous values the share beyond their extremes is Beta(2, n - 1) (spacings;
    Wilks 1942). With ties the chance is smaller than that.

    Args:
        outside: the window's values beyond the reference's range.
        window_values: all its values that are not missing.
        reference_values: those of the reference, n.
        phi: the window's design effect; as many independent values are counted (Kish 1965).
    """
    share = outside / window_values if window_values else 0.0
    if reference_values < 2 or not outside:
        return QualityTest("OutOfRange", share, 1.0)
    p = _tail(outside, window_values, 2, reference_values - 1, phi)
    return QualityTest("OutOfRange", share, p)


def unseen_categories(
    unseen: float, window_values: float, reference_values: float, singletons: float, phi: float = 1
) -> QualityTest:
    """Return the test that more rows have a new category than chance gives: beta-binomial.

    The share of what was never seen is estimated by what was seen once (Good 1953; Turing):
    Beta(s + 1, n - s).

    Args:
        unseen: the window's rows whose category the reference never had.
        window_values: all its values that are not missing.
        reference_values: those of the reference, n.
        singletons: s, categories that the reference has exactly once.
        phi: the window's design effect; as many independent values are counted (Kish 1965).
    """
    share = unseen / window_values if window_values else 0.0
    if reference_values <= singletons or not unseen:
        return QualityTest("UnseenCategory", share, 1.0)
    p = _tail(unseen, window_values, singletons + 1, reference_values - singletons, phi)
    return QualityTest("UnseenCategory", share, p)


def _tail(count: float, rows: float, a: float, b: float, phi: float) -> float:
    # Down: fewer found among as many is the larger p.
    return beta_binomial_tail(math.floor(count / phi), math.ceil(rows / phi), a, b)
