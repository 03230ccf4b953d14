"""The drift rule whole, as a monitor slides it over days of traffic: ``make benchmark-drift`` has
the long form, docs/verdicts.md its table."""

import math
from dataclasses import replace

import numpy as np
import pytest

from perennial_statistics.drift import SLICES, Usual
from perennial_statistics.usual_drift import DAY, UsualDrift
from unit.statistics.live_traffic import A_DAY, QUIET, SLICE, Traffic, stream, watch

KNOWN: Usual = {
    **{(str(n), "Window"): UsualDrift(0.009) for n in range(30)},
    **{(str(n), "Newest"): UsualDrift(0.034) for n in range(30)},
}
"""What independent rows, 2,000 an hour, leave after a week."""


@pytest.mark.parametrize(
    ("name", "seed"),
    [("independent rows", 1), ("sessions of 5 rows", 2), ("daily cycle of 0.2 sd", 4)],
)
def test_traffic_as_ever_raises_no_alarm(name: str, seed: int) -> None:
    traffic = replace(QUIET[name], features=4, cycle=min(0.15, QUIET[name].cycle))
    found = watch(stream(traffic, 2 * A_DAY, np.random.default_rng(seed)))
    assert found.looks == 2 * 288 - 11 and not found.alarms
    assert found.asked < found.looks / 10


def test_what_a_day_brings_alarms_on_the_first_day_only() -> None:
    traffic = replace(QUIET["daily cycle of 0.4 sd"], features=2)
    found = watch(stream(traffic, 3 * A_DAY, np.random.default_rng(5)))
    assert found.windows(0, A_DAY) and not found.windows(A_DAY, 3 * A_DAY)


@pytest.mark.parametrize(("shift", "minutes"), [(0.3, 20), (0.5, 15), (1.0, 10)])
def test_a_shift_is_seen_soon(shift: float, minutes: int) -> None:
    """One feature of 30 at 2,000 rows an hour, looked at each five minutes."""
    delays = []
    for seed in range(7):
        rng = np.random.default_rng(seed)
        at = SLICES + int(rng.integers(2))
        live = stream(Traffic(shift=shift, shifted_from=at), 2 * SLICES + 2, rng)
        found = watch(live, begin=at, usual=KNOWN, watched=8 * DAY - at * SLICE, ends_with="0")
        delays.append(found.first("0", at))
    assert np.median(delays) <= minutes


def test_a_mean_that_drifts_slowly_is_found_though_no_hour_differs_from_the_one_before() -> None:
    traffic = Traffic(features=2, slope=0.1)
    live = stream(traffic, 6 * A_DAY, np.random.default_rng(3))
    found = watch(live, ends_with="0")
    assert 1 < found.first("0", 0) / 1_440 < 5 and math.isfinite(found.first("0", 0))
