"""Columns that are one value, and requests that are refused: how often it is said by chance."""

import random

import pytest
from scipy import stats

from perennial_statistics.design_effect import INDEPENDENT, DesignEffect, design_effect
from perennial_statistics.quality import constant, refused

ALPHA = 0.0005 * 5 / 60
"""Of one look, each five minutes of an hour."""


@pytest.mark.parametrize(
    ("cells", "values"), [((950, 50), 500), ((19_960, 40), 2_000), ((7, 1), 9)]
)
def test_the_chance_of_a_constant_is_that_of_beta_binomial(
    cells: tuple[int, ...], values: int
) -> None:
    largest, n = max(cells), sum(cells)
    exact = stats.betabinom.pmf(values, values, largest + 1, n - largest + 1)
    found = constant(True, cells, values)
    assert found.p == pytest.approx(min(1.0, len(cells) * exact), rel=1e-9)
    assert found.share == 1.0


def test_a_column_that_is_not_constant_or_never_varied_is_none() -> None:
    assert constant(False, (10_000, 10_000), 2_000).p == 1.0
    assert constant(True, (300,), 10**9).p == 1.0 == constant(True, (300, 0), 10**9).p
    assert constant(True, (), 2_000).p == 1.0
    # Two hundred alike at a time count as one.
    assert constant(True, (10_000, 10_000), 2_000, 200).p > ALPHA


def test_clean_windows_are_seldom_called_constant() -> None:
    """By chance, over shares that make it most likely: far less often than alpha."""
    chance, alarms, windows = random.Random(5), 0.0, 0
    for share in (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02):
        for _ in range(400):
            n, m = chance.choice([1_000, 20_000]), chance.choice([500, 2_000])
            seen = sum(1 for _ in range(n) if chance.random() < share)
            found = constant(True, (n - seen, seen), m)
            # The chance that the window is constant, times whether that were called so.
            alarms += (1 - share) ** m * (found.p <= ALPHA)
            windows += 1
    assert alarms / windows < ALPHA


@pytest.mark.parametrize(("count", "requests"), [(30, 1_000), (500, 20_000), (2, 500)])
def test_the_chance_of_refusals_is_that_of_a_binomial(count: int, requests: int) -> None:
    found = refused(count, requests, 0.001, INDEPENDENT)
    assert found.share == count / requests
    assert found.p == pytest.approx(stats.binom.sf(count - 1, requests, 0.001), rel=1e-9)
    assert refused(0, requests, 0.001, INDEPENDENT).p == 1.0
    assert refused(count, requests, 0.5, INDEPENDENT).p == 1.0
    bursts = DesignEffect(10.0, 24, 23)
    assert refused(count, requests, 0.001, bursts).p > found.p


@pytest.mark.parametrize("burst", [1, 5, 20])
def test_as_many_refusals_as_may_be_are_no_alarm(burst: int) -> None:
    """Windows at the limit, that come one by one or in bursts."""
    chance, alarms = random.Random(burst), 0
    for _ in range(3_000):
        slices = []
        for _ in range(24):
            groups = 100 // burst
            bad = sum(burst for _ in range(groups) if chance.random() < 0.01)
            slices.append((bad, groups * burst - bad))
        count, requests = sum(s[0] for s in slices), sum(map(sum, slices))
        found = refused(count, requests, 0.01, design_effect(slices))
        alarms += found.p <= 0.0005
    # Bursts of twenty are 1.2 a slice: then the design effect is itself uncertain.
    assert alarms <= {1: 5, 5: 12, 20: 30}[burst], alarms
