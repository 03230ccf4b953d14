"""Any window, by any clock, beside rows of the same hours."""

import math
from datetime import UTC, datetime
from statistics import NormalDist
from zoneinfo import ZoneInfo, available_timezones

from builders import monitor, training
from hypothesis import example, given
from hypothesis import strategies as st

from perennial.plan.monitoring.same_hours import HOUR, hours_of, reference, zone_of
from perennial_artifact.profile import HOURS, FeatureProfile, Profile
from perennial_statistics.drift import Counts, Feature, Settings, judge_drift
from perennial_statistics.usual_drift import NEED_AT_FIRST

DAY, MINUTE = 86_400, 60
ZONES = sorted(available_timezones())
MOMENTS = st.integers(0, int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()))
LENGTHS = st.integers(1, 30 * HOUR)
BERLIN, HOWE = "Europe/Berlin", "Australia/Lord_Howe"
"""The clocks of the one jump by an hour, those of the other by half of one."""


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def seen(start: int, end: int, zone: str) -> set[int]:
    """Return the hours that a clock shows, looked at each minute and at the last second."""
    clock = ZoneInfo(zone)
    return {datetime.fromtimestamp(m, clock).hour for m in (*range(start, end, MINUTE), end - 1)}


@given(MOMENTS, LENGTHS, st.sampled_from(ZONES))
@example(at("2026-03-29T00:30+00:00"), HOUR, BERLIN)  # there is no 2:30
@example(at("2026-10-25T00:30+00:00"), HOUR, BERLIN)  # there are two
@example(at("2026-04-04T14:50+00:00"), HOUR, HOWE)
@example(at("2028-02-28T23:30+00:00"), HOUR, "Etc/UTC")  # a leap day begins
@example(at("2028-02-29T23:59+00:00"), MINUTE, BERLIN)
@example(at("1971-06-01T00:00+00:00"), 7, "Africa/Monrovia")  # 44 min 30 s behind
def test_all_hours_that_a_clock_shows_and_no_others(start: int, length: int, zone: str) -> None:
    end, start = start + length + HOUR, start + HOUR
    found = hours_of(start, end, zone_of(zone))
    assert len(set(found)) == len(found) <= HOURS
    assert seen(start, end, zone) <= set(found)
    assert set(found) == seen(start - HOUR, end + HOUR, zone)
    assert set(hours_of(start, end, zone_of(zone), around=0)) == seen(start, end, zone)


@given(MOMENTS, st.sampled_from(ZONES))
@example(104_756_400 - DAY, "America/Boise")
def test_all_hours_from_a_day_on(start: int, zone: str) -> None:
    """All but the one that a clock lacks on the day on which it goes forward."""
    assert len(hours_of(start + DAY, start + 2 * DAY, zone_of(zone))) >= HOURS - 1


@given(st.text(max_size=64))
@example("../../etc/passwd")
@example("/etc/localtime")
@example("\0")
@example("")
def test_a_name_is_a_zone_or_told_to_be_none(name: str) -> None:
    try:
        assert zone_of(name).utcoffset(datetime(2026, 1, 1)) is not None
    except ValueError as error:
        assert "is no IANA time zone" in str(error)


def column(cycle: float, rows: int = 100_000) -> FeatureProfile:
    """Return a normal number whose mean goes with the hour, in ten bins."""
    edges = [NormalDist().inv_cdf(n / 10) for n in range(1, 10)]
    hours = [[*counted(edges, rows, [hour + 0.5], cycle), 0, 0] for hour in range(HOURS)]
    whole = [sum(cells) for cells in zip(*hours, strict=True)]
    return FeatureProfile(name="x", kind="Numeric", edges=edges, counts=whole[:-2], hours=hours)


def counted(edges: list[float], rows: int, times: list[float], cycle: float) -> list[int]:
    """Return how many of so many rows are in each bin, at hours of the day, without chance."""
    found = [0.0] * (len(edges) + 1)
    for time in times:
        normal = NormalDist(cycle * math.sin(2 * math.pi * time / HOURS))
        below = [0.0, *(normal.cdf(edge) for edge in edges), 1.0]
        found = [n + b - a for n, a, b in zip(found, below, below[1:], strict=False)]
    return [round(n * rows / len(times)) for n in found]


CYCLED = {cycle: column(cycle) for cycle in (0.1, 0.4)}


@given(
    MOMENTS,
    st.integers(5 * MINUTE, 24 * HOUR),
    st.floats(-1, 1),
    st.sampled_from(sorted(CYCLED)),
    st.integers(500, 50_000),
)
def test_what_the_hours_bring_is_too_little_to_be_drift(
    start: int, length: int, late: float, cycle: float, rows: int
) -> None:
    """However a window crosses hours, and though clocks changed by an hour since the training."""
    start += DAY
    of = CYCLED[cycle]
    profile = Profile(rows=of.rows, features=[of])
    spec = monitor({"reference": {"sameHours": {}}}).spec
    found = reference(spec, profile, training(), start, start + length)
    times = [(start + length * (n + 0.5) / 20) / HOUR + late for n in range(20)]
    window = Counts(tuple(counted(of.edges, rows, times, cycle)))
    known = Counts(tuple(found.profile.features[0].counts))
    one = [Feature("x", True, known, window)]
    settings = Settings(window=float(length), interval=float(length), watched=0.0)
    (score,) = (f.score for f in judge_drift(one, settings, {}).features)
    assert score < NEED_AT_FIRST / 3 and not found.any_hour


@given(
    MOMENTS,
    LENGTHS,
    st.sampled_from(ZONES),
    st.lists(st.integers(0, 400), min_size=HOURS, max_size=HOURS),
)
def test_the_rows_are_those_of_the_hours_or_all(
    start: int, length: int, zone: str, each: list[int]
) -> None:
    hours = [[n, 0, 0] for n in each]
    of = FeatureProfile(name="x", kind="Numeric", edges=[], counts=[sum(each)], hours=hours)
    spec = monitor({"reference": {"sameHours": {"timeZone": zone}}}).spec
    profile = Profile(rows=of.rows, features=[of])
    found = reference(spec, profile, training(), start + DAY, start + DAY + length)
    rows = found.profile.features[0].rows
    near = sum(each[h] for h in hours_of(start + DAY, start + DAY + length, zone_of(zone)))
    assert rows == (of.rows if found.any_hour else near)
    assert not found.any_hour or near < 200
    assert found.message.startswith("compared with")
