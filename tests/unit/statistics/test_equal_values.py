"""Rewards that are all the same, huge, or beyond all numbers: told rightly, and never a success."""

import math
import random

import pytest

from perennial_statistics.means import MeanDifference, Moments
from perennial_statistics.one_mean import OneMean
from perennial_statistics.proportions import Counted
from perennial_statistics.shift import Shift
from perennial_statistics.verdict import Verdict, decide

ALPHA = 0.01


def moments(values: list[float]) -> Moments:
    return Moments(float(len(values)), math.fsum(values), math.fsum(v * v for v in values))


def clicks(rng: random.Random, n: int, share: float, worth: float = 1.0) -> Moments:
    return moments([worth if rng.random() < share else 0.0 for _ in range(n)])


def compared(
    rng: random.Random, stable: float, canary: float, looks: int, n: int = 50
) -> MeanDifference:
    test = MeanDifference()
    for _ in range(looks):
        test = test.after(clicks(rng, n, canary), clicks(rng, 2 * n, stable), planned=2_000)
    return test


def goes_on(found: Verdict) -> bool:
    return decide([found], True, 500, 0.0, 3600.0).action == "GoOn"


def test_a_canary_that_earns_nothing_at_all_fails() -> None:
    found = compared(random.Random(1), 0.3, 0.0, 40).verdict(0.01, ALPHA, higher_is_better=True)
    assert found.outcome == "Failed", found.message
    assert (found.value, found.requests) == (0.0, 2_000)


def test_one_that_earns_always_is_not_worse_than_one_that_never_did() -> None:
    found = compared(random.Random(2), 0.0, 0.3, 40).verdict(0.01, ALPHA, higher_is_better=True)
    assert found.outcome == "Successful", found.message


@pytest.mark.parametrize("share", [0.002, 0.01])
def test_rare_rewards_that_did_not_come_yet_are_no_failure(share: float) -> None:
    """As rare in both: an arm without any by chance has not as many rows as tell it."""
    failed = 0
    for seed in range(60):
        rng, test = random.Random(seed), MeanDifference()
        for _ in range(120):
            test = test.after(clicks(rng, 20, share), clicks(rng, 180, share), planned=2_000)
            if test.verdict(0.0, ALPHA, higher_is_better=True).outcome == "Failed":
                failed += 1
                break
    assert failed <= 3


def test_one_that_earns_as_much_but_more_seldom_is_no_failure() -> None:
    """One in a hundred earns ten where one in ten earns one: a fifth has none in 160."""
    failed = 0
    for seed in range(60):
        rng, test = random.Random(seed), MeanDifference()
        for _ in range(60):
            canary, stable = clicks(rng, 50, 0.01, 10.0), clicks(rng, 50, 0.1)
            test = test.after(canary, stable, planned=2_000)
            if test.verdict(0.0, ALPHA, higher_is_better=True).outcome == "Failed":
                failed += 1
                break
    assert failed <= 3


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_where_all_values_are_the_same_nothing_is_known_of_how_they_vary(value: float) -> None:
    test, one = MeanDifference(), OneMean()
    for _ in range(40):
        test = test.after(moments([value] * 50), moments([value] * 50), planned=500)
        one = one.after(moments([value] * 50), planned=500)
    for found in (
        test.verdict(0.1, ALPHA, True, "reward", of="reward"),
        one.verdict(value, ALPHA, True, "reward", of="reward"),
    ):
        assert found.outcome == "Undecided" and "all rewards are the same" in found.message
        assert not goes_on(found), found


def test_what_says_nothing_yet_is_not_nothing_against_it() -> None:
    """Thousands of rewards, of which it is not known how they vary; thousands of predictions of the
    canary, and few of stable."""
    rng, rare, test = random.Random(3), OneMean(), MeanDifference()
    for _ in range(40):
        rare = rare.after(clicks(rng, 50, 0.001), planned=500)
        test = test.after(clicks(rng, 50, 0.001), clicks(rng, 50, 0.001), planned=500)
    shift = Shift.begin(1)
    for _ in range(40):
        shift = shift.after(Counted(500.0, (250.0,)), Counted(1.0, (0.0,)), planned=500)
    for found in (
        rare.verdict(0.5, ALPHA, False),
        test.verdict(0.1, ALPHA, True),
        shift.verdict(["are above"], 0.1, ALPHA),
    ):
        assert found.outcome == "Undecided" and found.value is None and not goes_on(found), found


def test_large_values_that_vary_little_are_not_certain_by_rounding() -> None:
    """A million, give or take five: the sum of squares has not as many digits."""
    wrong = 0
    for seed in range(20):
        rng, one = random.Random(seed), OneMean()
        for _ in range(200):
            one = one.after(moments([1e6 + rng.gauss(0, 5) for _ in range(20)]), planned=1_000)
            assert one.rows < 100 or one.variance > 0.5 * 25 / one.rows
        wrong += one.verdict(1e6, ALPHA, True).outcome == "Failed"
    assert wrong <= 1


@pytest.mark.parametrize("total", [1e200, -1e300, math.inf, math.nan])
def test_what_no_number_can_hold_ends_no_pass(total: float) -> None:
    test, one = MeanDifference(), OneMean()
    odd = Moments(100.0, total, abs(total))
    for _ in range(3):
        test = test.after(odd, moments([1.0, 2.0]), planned=500)
        one = one.after(odd, planned=500)
    assert all(math.isfinite(v) for v in (*test.to_list(), *one.to_list()))
    test.verdict(0.1, ALPHA, True)
    one.verdict(0.1, ALPHA, True)
