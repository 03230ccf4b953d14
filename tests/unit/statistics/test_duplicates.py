"""Rows that are equal to another one: how many there are among so many, and how often it is said
by chance."""

import random
from collections import Counter
from itertools import combinations

import pytest

from perennial_statistics.design_effect import design_effect
from perennial_statistics.duplicates import all_rows, duplicates, repeated_share


def told(rows: list[int]) -> list[tuple[int, int]]:
    return sorted(Counter(Counter(rows).values()).items())


@pytest.mark.parametrize("among", [1, 2, 4, 7, 8])
def test_the_share_is_that_of_all_samples_of_so_many(among: int) -> None:
    rows = [1, 1, 1, 2, 2, 3, 4, 4]
    samples = list(combinations(rows, among))
    exact = sum(1 - len(set(sample)) / among for sample in samples) / len(samples)
    assert repeated_share(told(rows), among) == pytest.approx(exact, abs=1e-12)


def test_what_occurs_very_often_is_as_exact_as_what_occurs_seldom() -> None:
    # Where all rows are one, each but the first repeats it; where each is there once, none does.
    assert repeated_share([(1_000_000, 1)], 1_000) == pytest.approx(0.999)
    assert repeated_share([(1, 1_000_000)], 1_000) == pytest.approx(0.0, abs=1e-12)
    # By both ways of reckoning nearly the same: 64 times and 65.
    few, many = (repeated_share([(n, 10_000)], 5_000) for n in (64, 65))
    assert few == pytest.approx(many, abs=5e-4) and few < many


def test_there_are_no_more_rows_than_there_are() -> None:
    with pytest.raises(ValueError, match="of 10 rows none can be 11"):
        repeated_share([(2, 5)], 11)


def test_more_rows_have_more_equal_ones_which_is_usual() -> None:
    chance = random.Random(2)
    few = told([chance.randrange(50_000) for _ in range(2_000)])
    many = told([chance.randrange(50_000) for _ in range(40_000)])
    assert repeated_share(many, 40_000) > 10 * repeated_share(few, 2_000)
    found = duplicates(many, few)
    assert found.rows == 2_000 and found.found == repeated_share(few, 2_000)
    assert found.usual == pytest.approx(0.02, abs=0.01) and found.p > 0.01


def test_one_row_that_is_sent_again_and_again_is_seen() -> None:
    window = [*range(700), *([-1] * 300)]
    found = duplicates([(1, 20_000)], told(window))
    assert found.usual == pytest.approx(0.0, abs=1e-12)
    assert found.found == pytest.approx(0.299, abs=0.001) and found.p < 1e-9


def test_where_nothing_came_nothing_is_said() -> None:
    assert duplicates([(1, 10)], []).p == 1.0
    assert duplicates([], [(1, 10)]).p == 1.0
    assert all_rows([(1, 10), (3, 2)]) == 16


def test_one_burst_says_less_than_what_comes_all_the_time() -> None:
    def slices(repeated: list[int]) -> list[list[float]]:
        return [[n, 100 - n] for n in repeated]

    window = [(1, 2_000), (2, 200)]
    steady, burst = slices([16, 17] * 12), slices([0] * 20 + [99] * 4)
    at_once = duplicates([(1, 20_000)], window, design_effect(burst)).p
    assert duplicates([(1, 20_000)], window, design_effect(steady)).p < 1e-9 < at_once


def test_clean_windows_alarm_seldom() -> None:
    """Of a table with many equal rows, and windows of the same: the p-value keeps its promise."""
    chance, alarms = random.Random(7), 0
    kinds, weights = range(400), [1 / (n + 1) for n in range(400)]
    reference = told(chance.choices(kinds, weights, k=5_000))
    for _ in range(400):
        window = told(chance.choices(kinds, weights, k=600))
        alarms += duplicates(reference, window).p <= 0.01
    assert alarms <= 8
