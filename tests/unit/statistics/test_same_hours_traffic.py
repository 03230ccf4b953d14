"""The drift rule beside rows of the same hours, slid over days: nothing is usual yet."""

import math
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from unit.statistics.live_traffic import A_DAY, SLICES, Traffic, stream, watch

CYCLE = Traffic(features=4, cycle=0.4, by_hour=True)


def test_what_comes_each_day_alarms_on_no_day() -> None:
    for traffic in (CYCLE, replace(CYCLE, session=5), replace(CYCLE, reference_rows=5_000)):
        found = watch(stream(traffic, 2 * A_DAY, np.random.default_rng(5)))
        assert found.looks == 2 * 288 - 11 and not found.alarms
    assert watch(stream(replace(CYCLE, by_hour=False), A_DAY, np.random.default_rng(5))).alarms


@pytest.mark.parametrize(
    ("traffic", "shift", "day"),
    [(CYCLE, 0.3, 8), (CYCLE, 0.5, 0), (replace(CYCLE, session=5), 0.5, 0)],
)
def test_a_shift_on_top_of_it_is_seen_within_the_hour(
    traffic: Traffic, shift: float, day: int
) -> None:
    """In the median; on the first day drift needs 0.1, which is more than 0.3 sd."""
    delays = []
    for seed in range(5):
        at = SLICES * (2 + 3 * seed)
        shifted = replace(traffic, shift=shift, shifted_from=at)
        live = stream(shifted, at + 3 * SLICES, np.random.default_rng(seed))
        found = watch(live, begin=at, watched=day * 86_400.0, ends_with="0")
        delays.append(found.first("0", at))
    assert np.median(delays) <= 60


def test_a_small_shift_of_sessions_takes_hours_though_its_rows_would_tell() -> None:
    """0.3 sd in sessions of five: a mean's difference is 6 standard errors after one window, and
    4.8 are needed. What it costs is that how alike rows are is known from 24 slices alone."""
    live_rows, reference_rows, likeness = 2_000, 2_500, 0.8
    error = math.sqrt((1 + 4 * likeness) / live_rows + 1 / reference_rows)
    a_look = 0.0005 * (5 / 60) / 2  # both spans
    tests = 4 * 4  # of four features: drift, and three limits of quality
    assert 0.3 / error > NormalDist().inv_cdf(1 - a_look / tests / 2) + 1
    delays = []
    for seed in range(5):
        at = SLICES * (2 + 2 * seed)
        shifted = replace(CYCLE, session=5, shift=0.3, shifted_from=at)
        live = stream(shifted, at + 9 * SLICES, np.random.default_rng(seed))
        delays.append(watch(live, begin=at, ends_with="0").first("0", at))
    assert 60 < np.median(delays) <= 9 * 60


def test_rows_that_are_asked_about_an_hour_late_are_no_drift() -> None:
    late = replace(CYCLE, hours_late=1.0)
    assert not watch(stream(late, 2 * A_DAY, np.random.default_rng(6))).windows(0, A_DAY)


BLIND = Traffic(features=4, cycle=0.4, blind=True)


def test_what_comes_each_day_alarms_on_no_day_where_hours_are_not_known() -> None:
    for traffic in (BLIND, replace(BLIND, session=5)):
        assert not watch(stream(traffic, 3 * A_DAY, np.random.default_rng(5))).alarms
    assert watch(stream(replace(BLIND, blind=False), A_DAY, np.random.default_rng(5))).alarms


def test_what_stays_all_day_is_no_time_of_day() -> None:
    """A shift that is there from the first row on is told once the day is over, and goes on."""
    shifted = Traffic(features=4, shift=0.4, blind=True)
    found = watch(stream(shifted, 2 * A_DAY, np.random.default_rng(7)))
    assert {names for _, names in found.alarms} == {("0",)}
    assert not found.windows(0, A_DAY - 1) and found.windows(A_DAY, 2 * A_DAY) == 24


def test_a_large_shift_is_seen_at_once_though_hours_are_not_known() -> None:
    at = 4 * SLICES
    live = stream(replace(BLIND, shift=1.0, shifted_from=at), at + 3 * SLICES,
                  np.random.default_rng(8))  # fmt: skip
    assert watch(live, begin=at, ends_with="0").first("0", at) <= 60
