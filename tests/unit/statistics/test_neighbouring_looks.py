"""Bursts that neighbouring looks tell: chance is none, nor is a share that has moved for good."""

import random

import pytest

from perennial_statistics.bursts import PHI_AT_FIRST, phi_of_neighbours
from perennial_statistics.seasonality import volume_band


def looks(
    seed: int, together: int = 1, count: int = 24, later: float = 0.1
) -> list[tuple[float, float]]:
    """Return looks of 400 rows of which a tenth are events, so many together, or a new share."""
    chance, found = random.Random(seed), []
    for n in range(count):
        share = 0.1 if n < count // 2 else later
        events = sum(together for _ in range(400 // together) if chance.random() < share)
        found.append((400.0, float(events)))
    return found


def test_chance_and_a_step_are_no_bursts() -> None:
    assert sum(phi_of_neighbours(looks(seed)) > 1 for seed in range(200)) <= 10
    assert max(phi_of_neighbours(looks(seed, later=0.2)) for seed in range(200)) < PHI_AT_FIRST


@pytest.mark.parametrize("together", [8, 20])
def test_events_that_come_together_are(together: int) -> None:
    found = sorted(phi_of_neighbours(looks(seed, together)) for seed in range(100))
    assert found[50] == pytest.approx(together, rel=0.25)


def test_too_few_looks_tell_nothing() -> None:
    assert phi_of_neighbours(looks(1, count=8)) == PHI_AT_FIRST
    assert phi_of_neighbours([(100.0, 0.0)] * 50) == PHI_AT_FIRST
    assert phi_of_neighbours([*looks(1), (0.0, 0.0)]) == phi_of_neighbours(looks(1))


def test_a_band_is_as_wide_as_is_asked() -> None:
    narrow, wide = (volume_band([100.0] * 4, [], spreads) for spreads in (2, 6))
    assert narrow is not None and wide is not None
    assert wide.low < narrow.low < 100 < narrow.high < wide.high
