"""Values so rare that a window, or the reference, may have none of them by luck."""

import numpy as np
import pytest

from perennial_statistics.design_effect import UNTOLD, design_effect
from perennial_statistics.drift import (
    NEWEST_SLICES,
    SLICES,
    Counts,
    Feature,
    Settings,
    added,
    judge_drift,
)
from perennial_statistics.quality import unseen_categories

WEEKS_LATER = Settings(window=3_600, interval=3_600, watched=30 * 86_400)


def without_the_flag(rows_a_slice: int) -> Feature:
    """A flag that 3 % of the rows had, and that no row of the window has."""
    slices = (Counts((rows_a_slice, 0)),) * SLICES
    newest = added(slices[-NEWEST_SLICES:])
    reference = Counts((19_403, 597))
    return Feature("flag", True, reference, added(slices), newest, slices, constant=True)


def test_slices_of_equal_rows_do_not_tell_whether_they_came_together() -> None:
    assert design_effect([(20, 0)] * SLICES).phi == UNTOLD
    assert design_effect([(19, 1)] * SLICES).phi == 1.0
    assert design_effect([]).phi == 1.0


def test_a_rare_flag_that_a_hundred_sessions_of_five_rows_leave_out_is_no_alarm() -> None:
    """One window of twenty has none of it: 0.97 ** 100."""
    assert judge_drift([without_the_flag(21)], WEEKS_LATER, {}).alarming == ()


def test_a_rare_flag_that_is_gone_is_seen_all_the_same() -> None:
    report = judge_drift([without_the_flag(100)], WEEKS_LATER, {})
    assert report.drifted == ("flag",)
    assert [b.check for b in report.breaches] == ["Constant"]


def test_what_was_never_seen_may_be_more_than_what_was_seen_once_tells() -> None:
    """Forty categories that the reference has three times each, or by luck not at all."""
    rng, alarms = np.random.default_rng(3), np.zeros(2)
    shares = np.array([0.88, *[0.003] * 40])
    for _ in range(2_000):
        reference = rng.multinomial(1_000, shares)
        unseen = int(rng.binomial(20_000, shares[reference == 0].sum()))
        once, twice = int((reference == 1).sum()), int((reference == 2).sum())
        for n, pairs in enumerate((0, twice)):
            alarms[n] += unseen_categories(unseen, 20_000, 1_000, once, pairs=pairs).p <= 0.001
    assert alarms[1] <= 6 < 20 < alarms[0]


def test_without_pairs_the_chance_is_that_of_singletons_alone() -> None:
    alone = unseen_categories(30, 2_000, 1_000, 4).p
    assert unseen_categories(30, 2_000, 1_000, 4, pairs=0).p == pytest.approx(alone)
    assert unseen_categories(30, 2_000, 1_000, 4, pairs=5).p > alone
    assert unseen_categories(2_000, 2_000, 1_000, 4, pairs=5).p < 1e-9
