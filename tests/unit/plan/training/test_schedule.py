"""Cron with time zones, where days have 23 and 25 hours."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.api.training import Schedule
from perennial.plan.training.schedule import ScheduleInvalid, next_after


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


def following(cron: str, zone: str, start: str, count: int) -> list[str]:
    schedule, at, found = Schedule(cron=cron, time_zone=zone), utc(start), []
    for _ in range(count):
        at = next_after(schedule, at)
        found.append(f"{at:%Y-%m-%dT%H:%M}")
    return found


def test_a_time_zone_moves_the_hour() -> None:
    assert following("0 3 * * *", "Etc/UTC", "2026-01-01T12:00", 1) == ["2026-01-02T03:00"]
    assert following("0 3 * * *", "Europe/Berlin", "2026-01-01T12:00", 1) == ["2026-01-02T02:00"]
    assert following("0 3 * * *", "Asia/Kolkata", "2026-01-01T12:00", 1) == ["2026-01-01T21:30"]


def test_an_hour_that_is_skipped_in_spring_runs_once_that_day() -> None:
    # In Berlin 02:00 to 03:00 does not exist on 29 March 2026.
    found = following("30 2 * * *", "Europe/Berlin", "2026-03-27T12:00", 3)
    assert found == ["2026-03-28T01:30", "2026-03-29T01:00", "2026-03-30T00:30"]


def test_an_hour_that_comes_twice_in_autumn_runs_once() -> None:
    # In New York 01:00 to 02:00 comes twice on 1 November 2026.
    found = following("30 1 * * *", "America/New_York", "2026-10-30T12:00", 3)
    assert found == ["2026-10-31T05:30", "2026-11-01T05:30", "2026-11-02T06:30"]


def test_an_hourly_schedule_runs_every_hour_of_a_day_of_25() -> None:
    found = following("0 * * * *", "Europe/Berlin", "2026-10-24T22:30", 5)
    assert found == [f"2026-10-{d}T{h}:00" for d, h in (
        ("24", "23"), ("25", "00"), ("25", "01"), ("25", "02"), ("25", "03"),
    )]  # fmt: skip


def test_the_moment_itself_does_not_count() -> None:
    assert following("0 3 * * *", "Etc/UTC", "2026-01-02T03:00", 1) == ["2026-01-03T03:00"]


def test_days_of_the_week_and_rare_dates() -> None:
    assert following("0 9 * * 1-5", "Etc/UTC", "2026-01-02T10:00", 1) == ["2026-01-05T09:00"]
    assert following("0 0 29 2 *", "Etc/UTC", "2026-01-01T00:00", 1) == ["2028-02-29T00:00"]


@pytest.mark.parametrize(
    ("cron", "zone", "told"),
    [
        ("61 * * * *", "Etc/UTC", 'is not five cron fields such as "0 3 * * *"'),
        ("at 3 o'clock every day", "Etc/UTC", 'spec.schedule.cron "at 3 o'),
        ("0 0 30 2 *", "Etc/UTC", "spec.schedule.cron"),
        ("0 3 * * *", "Mars/Olympus", "'Mars/Olympus' is no IANA time zone; write one such as"),
        ("0 3 * * *", "../etc/passwd", "is no IANA time zone"),
    ],
)
def test_what_cannot_be_read_says_what_to_write(cron: str, zone: str, told: str) -> None:
    with pytest.raises(ScheduleInvalid) as refused:
        next_after(Schedule(cron=cron, time_zone=zone), utc("2026-01-01T00:00"))
    assert told in str(refused.value)


ZONES = st.sampled_from(["Etc/UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])


@given(
    minute=st.integers(0, 59),
    hour=st.integers(0, 23),
    zone=ZONES,
    start=st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
)
def test_a_daily_schedule_comes_at_its_hour_within_two_days(
    minute: int, hour: int, zone: str, start: datetime
) -> None:
    schedule = Schedule(cron=f"{minute} {hour} * * *", time_zone=zone)
    found = next_after(schedule, start)
    assert start < found <= start + timedelta(hours=49)
    local = found.astimezone(ZoneInfo(zone))
    wall = (local.hour, local.minute)
    skipped = (
        local.utcoffset() != (found - timedelta(hours=1)).astimezone(ZoneInfo(zone)).utcoffset()
    )
    assert wall == (hour, minute) or skipped
