"""Tests of the values themselves: missing, beyond the reference's range, never seen before, always
the same; and of requests that were refused for their values."""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from perennial_statistics.beta_distribution import (
    beta_binomial_tail,
    beta_lower_tail,
    log_beta,
)
from perennial_statistics.chi_square import g_test
from perennial_statistics.design_effect import INDEPENDENT, DesignEffect, corrected_p

Check = Literal["Missing", "OutOfRange", "UnseenCategory", "Constant", "Refused"]

MISSING_BEYOND_USUAL = 0.02
OUT_OF_RANGE = 0.01
UNSEEN_CATEGORY = 0.01
REFUSED = 0.01


class QualityTest(NamedTuple):
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
    unseen: float,
    window_values: float,
    reference_values: float,
    singletons: float,
    phi: float = 1,
    pairs: float = 0,
) -> QualityTest:
    """Return the test that more rows have a new category than chance gives: beta-binomial.

    The share of what was never seen is estimated by what was seen once (Good 1953; Turing), with
    the variance that what was seen twice tells (Esty 1983): s + 2 d of n times the share, and one
    more. Without pairs that is Beta(s + 1, n - s). Few singletons may be luck, where many
    categories are about as rare.

    Args:
        unseen: the window's rows whose category the reference never had.
        window_values: all its values that are not missing.
        reference_values: those of the reference, n.
        singletons: s, categories that the reference has exactly once.
        phi: the window's design effect; as many independent values are counted (Kish 1965).
        pairs: d, categories that it has exactly twice.
    """
    share = unseen / window_values if window_values else 0.0
    if reference_values <= singletons or not unseen:
        return QualityTest("UnseenCategory", share, 1.0)
    surer = (singletons + 1) / (singletons + 1 + 2 * pairs)
    a, b = surer * (singletons + 1), surer * (reference_values - singletons)
    p = _tail(unseen, window_values, a, b, phi)
    return QualityTest("UnseenCategory", share, p)


def constant(
    is_constant: bool, reference: Sequence[float], window_values: float, phi: float = 1
) -> QualityTest:
    """Return the test that a column that varied in the reference has one value alone.

    The chance is that of as many values in the reference's largest cell and in no other, whose
    share is Beta(r + 1, n - r + 1), by Laplace; for each cell at most as much (Bonferroni).
    So a column that hardly varied may be constant for long, and one that never did for ever.

    Args:
        is_constant: all values of the window are one.
        reference: counts of its cells, without missing values.
        window_values: values of the window that are not missing.
        phi: the window's design effect; as many independent values are counted (Kish 1965).
    """
    if not is_constant or not reference:
        return QualityTest("Constant", 0.0, 1.0)
    largest, rest = max(reference), sum(reference) - max(reference)
    if not rest:
        return QualityTest("Constant", 1.0, 1.0)
    a, b, m = largest + 1, rest + 1, math.floor(window_values / phi)
    p = len(reference) * math.exp(log_beta(a + m, b) - log_beta(a, b))
    return QualityTest("Constant", 1.0, min(1.0, p))


def refused(count: float, requests: float, maximum: float, effect: DesignEffect) -> QualityTest:
    """Return the test that a larger share of requests than the limit is refused: binomial.

    Args:
        count: requests that were refused for their values.
        requests: all requests.
        maximum: the limit.
        effect: the design effect of refused and other requests; as many independent ones are
            counted (Kish 1965).
    """
    share = count / requests if requests else 0.0
    phi = effect.phi_of_counts
    k, m = math.floor(count / phi), math.ceil(requests / phi)
    if k < 1 or share <= maximum:
        return QualityTest("Refused", share, 1.0)
    # P(X >= k), X ~ Binomial(m, maximum), is I_maximum(k, m - k + 1).
    return QualityTest("Refused", share, beta_lower_tail(maximum, k, m - k + 1))


def _tail(count: float, rows: float, a: float, b: float, phi: float) -> float:
    # Down: fewer found among as many is the larger p.
    return beta_binomial_tail(math.floor(count / phi), math.ceil(rows / phi), a, b)
