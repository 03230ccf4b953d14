"""Callers and errors that come on some days of the week, over weeks, look by look."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from test_mix import CALLERS, MONDAY, TAKEN, Shares, Traffic

from perennial.api import DriftMonitor
from perennial.api.monitor import MixStatus
from perennial.plan.monitoring import usual_mixes
from perennial.plan.monitoring.usual_mixes import HOUR, Window

DAY, WEEK = 24 * HOUR, 168 * HOUR
START = int(MONDAY.timestamp())
APPS: Shares = {"mobile": 0.6, "checkout-app": 0.4}
BATCH: Shares = {"batch": 0.5, "mobile": 0.3, "checkout-app": 0.2}
When = Callable[[int], Shares]


def day(moment: int) -> int:
    return (moment - START) // DAY % 7


def working(moment: int) -> bool:
    return 8 <= moment // HOUR % 24 < 18


def batch_on(weekday: int) -> When:
    return lambda moment: BATCH if day(moment) == weekday and working(moment) else APPS


def weekends(moment: int) -> Shares:
    return {"mobile": 0.85, "checkout-app": 0.15} if day(moment) > 4 else APPS


def failing_mondays(moment: int) -> Shares:
    return {"WrongType": 0.1} if day(moment) == 0 and working(moment) else {"Missing": 0.004}


def weeks_of(traffic: Traffic, count: int, since: int = 0) -> list[tuple[int, int]]:
    """Look each hour of some weeks; return of each how often it was changed, and told so."""
    found = []
    for week in range(since, since + count):
        before = len(traffic.events)
        verdicts = traffic.watch(MONDAY + timedelta(weeks=week), 168, 60)
        told = traffic.events[before:].count("MixChanged")
        found.append((verdicts.count("False"), told))
    return found


@pytest.mark.parametrize(
    ("kind", "comes", "alone"),
    [
        # Beside any day these were changed in each of five weeks: 60, 10, 44 to 47 hours.
        ("callers", batch_on(0), 60),
        ("callers", batch_on(1), 10),
        ("callers", weekends, 47),
        ("errors", failing_mondays, 60),
    ],
)
def test_what_comes_on_some_weekdays_is_told_in_the_first_week_only(
    kind: str, comes: When, alone: int
) -> None:
    traffic = Traffic({kind: {}}, each=30)
    setattr(traffic, kind, comes)
    (hours, told), *later = weeks_of(traffic, 3)
    assert 1 <= told <= hours <= alone
    assert later == [(0, 0), (0, 0)]


def test_what_is_usual_on_mondays_is_none_on_a_wednesday() -> None:
    traffic = Traffic({"callers": {}}, each=30)
    traffic.callers = batch_on(1)
    weeks_of(traffic, 2)
    traffic.callers = lambda moment: BATCH
    wednesday = MONDAY + timedelta(days=16, hours=9)
    assert traffic.watch(wednesday, 2)[-1] == "False"
    assert traffic.message.startswith("callers of 1,500 requests: batch 5")


def test_a_new_caller_is_seen_beside_a_weekly_one() -> None:
    traffic = Traffic({"callers": {}}, each=30)
    traffic.callers = batch_on(1)
    weeks_of(traffic, 2)
    traffic.callers = lambda moment: {"partner": 0.3, "mobile": 0.4, "checkout-app": 0.3}
    for hour in (10, 34):  # a Monday, and a Tuesday, whose own hours have a batch
        assert traffic.watch(MONDAY + timedelta(days=14, hours=hour), 2)[-1] == "False"
        assert "partner" in traffic.message


def test_while_it_is_changed_only_the_hours_of_the_week_learn() -> None:
    """A change of an hour would else be usual in the next one."""
    traffic = Traffic({"callers": {}}, each=30)
    traffic.watch(MONDAY, 48, 60)
    quiet = traffic.of("Callers")
    traffic.callers = lambda moment: TAKEN
    assert set(traffic.watch(MONDAY + timedelta(hours=50), 6, 60)) == {"False"}
    changed = traffic.of("Callers")
    assert changed.hours == quiet.hours
    assert len(changed.fresh) == 26 and all(changed.fresh[-6:])
    traffic.callers = lambda moment: CALLERS
    assert traffic.watch(MONDAY + timedelta(hours=56), 2, 60)[-1] == "True"


def after(known: MixStatus, start: int, end: int, **counts: float) -> MixStatus:
    seen = Window(start, end, ((start, counts),) if counts else ())
    return usual_mixes.learned(known, seen, datetime.fromtimestamp(end, UTC))


@pytest.mark.parametrize("step", [HOUR, 7 * HOUR, DAY])
@pytest.mark.parametrize("often", [0.4, 119.0])
def test_an_hour_of_the_week_halves_once_a_week_in_whatever_steps(often: float, step: int) -> None:
    known = after(MixStatus(kind="Callers"), START, START + HOUR, app=often)
    halves = []
    for begun in range(START + HOUR, START + 3 * WEEK, step):
        known = after(known, begun, begun + step)
        found = usual_mixes.usual_of_week(known, START, START + HOUR, 0.01) or {}
        halves.append(found.get("app", 0.0))
    assert halves[0] == 0 and halves[len(halves) // 3] == often  # a window has it for a day
    assert halves[-1] == pytest.approx(often / 4, abs=0.11)


def test_what_came_only_in_one_week_is_forgotten() -> None:
    known = after(MixStatus(kind="Callers"), START, START + HOUR, app=1_000.0)
    for begun in range(START + HOUR, START + 30 * WEEK, DAY):
        known = after(known, begun, begun + DAY)
    assert known.names == [] and set(known.week) == {""}


@pytest.mark.parametrize("end", [START - WEEK, START + 90, START + 30 * 365 * DAY])
def test_clocks_that_are_set_and_long_pauses_cost_nothing(end: int) -> None:
    known = after(MixStatus(kind="Callers"), START, START + HOUR, app=100.0)
    found = after(known, end - HOUR, end, app=10.0)
    assert len(found.week) == 168 and len(found.hours) == 24 * 2


def test_a_status_without_hours_of_the_week_is_judged_by_the_others() -> None:
    """An older operator's."""
    traffic = Traffic({"callers": {}}, each=30)
    traffic.watch(MONDAY, 26, 60)
    body = traffic.monitor.to_json()
    for told in body["status"]["mix"]:
        del told["week"], told["fresh"]
    traffic.monitor = DriftMonitor.read(body)
    traffic.callers = lambda moment: TAKEN
    assert traffic.watch(MONDAY + timedelta(hours=26), 2)[-1] == "False"


def test_what_is_kept_of_a_week_is_small() -> None:
    """At most 50 kB a mix; a resource may have a megabyte and a half."""
    names = {f"{n:02}".ljust(63, "x"): 123_456_789.9 for n in range(40)}
    known = MixStatus(kind="Callers")
    for hour in range(200):  # after a week and a day no hour waits
        known = after(known, START + hour * HOUR, START + (hour + 1) * HOUR, **names)
    assert len(known.names) == 16 and all(len(row.split()) == 17 for row in known.week)
    assert len(json.dumps(known.to_json())) < 50_000
    end = START + 200 * HOUR
    vast = after(known, end, end + HOUR, **dict.fromkeys(names, 1e300))
    assert MixStatus.model_validate(vast.to_json()).fresh == vast.fresh


def test_what_somebody_wrote_into_a_status_is_no_number_and_no_fault() -> None:
    for text in ("aaa 3", "1e999 3", "nan 3", "-5 3", "\u0663 3"):
        known = MixStatus(kind="Callers", names=["app"], week=[text] * 168, learned_until=MONDAY)
        found = usual_mixes.usual_of_week(known, 0, 3_600, 1)
        assert found is None or set(found.values()) <= {0.0, 3.0}
