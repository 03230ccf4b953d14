"""How servers are compared in pairs: the interval of a median, and turns that a drift spares."""

import random

import pytest
from benchmarks.paired import Ratio, ratio, turns


@pytest.mark.parametrize(("n", "low", "high"), [(6, 1, 6), (10, 2, 9), (15, 4, 12), (20, 6, 15)])
def test_the_interval_is_that_of_the_sign_test(n: int, low: int, high: int) -> None:
    """As tables of the sign test at 5 % say, for instance Conover's."""
    values = random.Random(n).sample(range(1, n + 1), n)
    assert ratio(values) == Ratio((n + 1) / 2, low, high)


def test_of_too_few_values_it_is_all_of_them() -> None:
    assert ratio([3.0, 1.0, 2.0]) == Ratio(2.0, 1.0, 3.0)
    assert ratio([1.0]) == Ratio(1.0, 1.0, 1.0)


def test_an_aim_is_met_or_not_by_the_whole_interval() -> None:
    found = Ratio(1.03, 1.01, 1.06)
    assert [found.within(limit) for limit in (1.06, 1.05, 1.0)] == ["met", "not shown", "not met"]


def test_a_steady_drift_of_the_machine_falls_on_all_alike() -> None:
    clock = iter(range(100, 1_000))
    tick = clock.__next__
    costs = {"one": tick, "same": tick, "dear": lambda: 1.1 * tick()}
    found = turns(costs, 20, random.Random(1))
    assert found == {"one": 1.0, "same": 1.0, "dear": pytest.approx(1.1)}
