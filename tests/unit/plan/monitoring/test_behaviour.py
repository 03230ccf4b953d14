import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from builders import conditions, monitor
from feedback_world import PODS, pod, serving

from perennial.api import DriftMonitor
from perennial.api.monitor import BehaviourStatus
from perennial.plan.core.questions import Answer, Answers
from perennial.plan.monitoring import MonitorSnapshot, plan_monitor, request_questions
from perennial.plan.monitoring.hours import added, known_from
from perennial_artifact.windows import Bucket, Requests, Window

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = 3600


def usual(hour: int) -> float:
    """More by day than by night, less at weekends."""
    day = hour // 24 % 7
    return (400 if 8 <= hour % 24 < 20 else 60) * (0.5 if day > 4 else 1.0)


def weeks(count: int, seed: int = 1) -> BehaviourStatus:
    chance, known = random.Random(seed), BehaviourStatus()
    for hour in range(count * 7 * 24):
        start = int(MONDAY.timestamp()) + hour * HOUR
        number = round(chance.gauss(usual(hour), usual(hour) ** 0.5))
        known = added(known, start, start + HOUR, max(0, number), 4)
    return known


def next_hour(known: BehaviourStatus, requests: int | None) -> BehaviourStatus:
    assert known.counted_until is not None
    start = int(known.counted_until.timestamp())
    return added(known, start, start + HOUR, requests, 4)


def test_steady_traffic_is_usual_hour_for_hour() -> None:
    chance, known, odd = random.Random(2), weeks(4), 0
    for hour in range(7 * 24):
        number = round(chance.gauss(usual(hour), usual(hour) ** 0.5))
        known = next_hour(known, max(0, number))
        odd += known.verdict == "Unusual"
    assert odd <= 1
    assert len(known.hours) == 673 and len(known.residuals) == 336


@pytest.mark.parametrize(("share", "verdict"), [(0.4, "Unusual"), (1.0, "Usual"), (2.5, "Unusual")])
def test_half_of_what_is_usual_is_found(share: float, verdict: str) -> None:
    known = weeks(4)
    for hour in range(12):
        known = next_hour(known, round(usual(hour)))
    assert known.verdict == "Usual"
    known = next_hour(known, round(usual(12) * share))
    assert known.verdict == verdict


def test_three_weeks_are_needed() -> None:
    assert weeks(2).verdict == "Unknown" and weeks(3).verdict == "Unknown"
    assert next_hour(weeks(3), 60).verdict == "Usual"


def test_an_hour_that_was_not_counted_is_no_hour_without_requests() -> None:
    known = next_hour(weeks(4), None)
    assert (known.verdict, known.requests, known.hours[-1]) == ("Unknown", None, -1)
    start = int(weeks(4).counted_until.timestamp())  # type: ignore[union-attr]
    late = added(weeks(4), start + 5 * HOUR, start + 6 * HOUR, 60, 4)
    assert late.hours[-6:-1] == [-1] * 5 and late.hours[-1] == 60


def test_one_that_was_counted_in_pieces_is_one() -> None:
    known = weeks(4)
    assert known.counted_until is not None
    start = int(known.counted_until.timestamp())
    for minute in range(0, 60, 5):
        begin = start + 60 * minute
        told = None if minute == 5 else 5
        known = added(known, begin, begin + 300, told, 4)
    assert known.requests is None  # a twelfth is not known
    whole = weeks(4)
    for minute in range(0, 60, 2):
        begin = start + 60 * minute
        whole = added(whole, begin, begin + 120, None if minute == 4 else 2, 4)
    assert whole.requests == 60  # a thirtieth is not, and is taken to be like the rest


def test_an_outage_of_a_year_begins_anew() -> None:
    known = weeks(4)
    assert known.counted_until is not None
    start = int(known.counted_until.timestamp()) + 400 * 24 * HOUR
    found = added(known, start, start + HOUR, 60, 4)
    assert len(found.hours) <= 2 and found.verdict == "Unknown"


class Traffic:
    """A monitor of pods that count requests by five seconds, for an hour."""

    def __init__(self, known: BehaviourStatus | None = None, zone: str = "Etc/UTC") -> None:
        told = {"status": {"behaviour": known.to_json()}} if known else {}
        volume = {"timeZone": zone}
        spec = {"interval": "5m", "behaviour": {"volume": volume}, "actions": {}}
        self.monitor: DriftMonitor = monitor(spec, **told)
        self.silent: set[str] = set()
        self.skewed: set[str] = set()
        self.ready: dict[str, int] = {}
        self.each = 1
        self.asked: list[tuple[int, int]] = []

    def look(self, now: datetime) -> Any:
        made = serving()
        asked = request_questions(self.monitor, made, list(map(pod, PODS)), now)
        self.asked += [(start, piece.until) for start, piece in asked]
        pieces = tuple((start, self._answers(start, piece.until)) for start, piece in asked)
        empty = Answers({"r1": PODS}, int(now.timestamp()), ())
        plan = plan_monitor(MonitorSnapshot(self.monitor, now, made, None, empty, requests=pieces))
        body = {**self.monitor.to_json(), "status": plan.status.to_json()}  # type: ignore[union-attr]
        self.monitor = DriftMonitor.read(body)
        self.events = [e.reason for e in plan.events]
        return conditions(plan)["VolumeUsual"]

    def _answers(self, start: int, end: int) -> Answers:
        buckets = [Bucket(at, 5, self.each, 0, 0, [self.each, 0]) for at in range(start, end, 5)]
        counted = Requests([1.0], buckets)
        heard = [
            Answer(name, "r1", problem="did not answer")
            if name in self.silent
            else Answer(
                name,
                "r1",
                Window(
                    model="m",
                    version="v",
                    since=0.0,
                    clock=float(end),
                    start=start,
                    end=end,
                    requests=counted,
                ),
                skew=60.0 if name in self.skewed else 0.0,
            )
            for name in PODS
        ]
        return Answers({"r1": PODS}, end, tuple(heard), self.ready)


def test_hours_are_counted_over_all_pods_look_by_look_and_nothing_twice() -> None:
    traffic = Traffic()
    for minute in range(0, 190, 5):
        traffic.look(MONDAY + timedelta(minutes=minute, seconds=7))
    known = traffic.monitor.status.behaviour
    assert known is not None and known.hours[-2:] == [2 * 720, 2 * 720]
    times = sorted(traffic.asked)
    assert all(a[1] == b[0] for a, b in pairwise(times))


def test_a_silent_pod_makes_its_time_unknown_after_a_while() -> None:
    traffic = Traffic()
    traffic.look(MONDAY + timedelta(minutes=5))
    traffic.silent = {"pod-1"}
    for minute in range(10, 66, 5):
        assert traffic.look(MONDAY + timedelta(minutes=minute))[0] == "Unknown"
    known = traffic.monitor.status.behaviour
    assert known is not None and known.current_seconds < 600


def test_few_requests_are_told_once_and_start_no_training() -> None:
    known = weeks(4)
    assert known.counted_until is not None
    now = known.counted_until + timedelta(seconds=7)
    traffic = Traffic(known)
    traffic.each = 0
    seen = [traffic.look(now + timedelta(minutes=5 * n)) for n in range(14)]
    assert seen[-1] == ("False", "FewRequests")
    assert traffic.monitor.status.last_action is None
    told = next(c for c in traffic.monitor.status.conditions if c.type == "VolumeUsual")
    assert told.message.startswith("0 requests in the hour from 2026-02-02 00:00, ")
    assert traffic.look(now + timedelta(minutes=75)) == ("False", "FewRequests")
    assert "FewRequests" not in traffic.events


def test_no_requests_for_a_day_and_a_half_do_not_become_usual() -> None:
    """The level of the last day follows what is usual, not an outage: it did after 13 hours."""
    known = weeks(4)
    for hour in range(36):
        known = next_hour(known, 0)
        assert known.verdict == "Unusual", hour
    later = weeks(4)
    for hour in range(48):
        later = next_hour(later, round(usual(hour) / 2))
    assert later.verdict == "Usual"  # half of them is, after a day


BERLIN = ZoneInfo("Europe/Berlin")


def by_the_clock(hour: int) -> int:
    local = datetime.fromtimestamp(hour * HOUR, UTC).astimezone(BERLIN)
    return 600 if 8 <= local.hour < 18 else 6


@pytest.mark.parametrize(
    ("changes", "zone", "most"),
    [
        (datetime(2026, 3, 29, tzinfo=UTC), BERLIN, 0),
        (datetime(2026, 10, 25, tzinfo=UTC), BERLIN, 0),
        (datetime(2026, 3, 29, tzinfo=UTC), UTC, 30),
    ],
)
def test_what_is_usual_moves_with_summer_time(changes: datetime, zone: Any, most: int) -> None:
    """Without a time zone the hours at which people begin and stop look odd for two weeks."""
    first = int((changes - timedelta(days=27)).timestamp()) // HOUR
    known, odd = BehaviourStatus(), 0
    for hour in range(first, first + 24 * 7 * 7):
        known = added(known, hour * HOUR, (hour + 1) * HOUR, by_the_clock(hour), 4, zone)
        odd += known.verdict == "Unusual"
    assert odd == most if most == 0 else odd >= most


def test_hours_that_a_fast_clock_counted_are_forgotten_when_it_is_set_back() -> None:
    known = weeks(4)
    assert known.counted_until is not None
    start = int(known.counted_until.timestamp())
    fast = added(known, start + 30 * HOUR, start + 31 * HOUR, 60, 4)
    back = added(fast, start, start + HOUR, 60, 4)
    assert back.last_hour == datetime.fromtimestamp(start, UTC)
    assert (back.requests, back.verdict) == (60, "Usual")
    assert back.hours[-2:] == [known.hours[-1], 60]
    ahead = Traffic(fast)
    assert ahead.look(known.counted_until + timedelta(minutes=90))[0] == "Unknown"
    assert ahead.asked[-1][1] == start + 90 * 60 - 10


def test_it_is_told_when_it_will_be_known() -> None:
    traffic = Traffic()
    for minute in range(0, 70, 5):
        traffic.look(MONDAY + timedelta(minutes=minute, seconds=7))
    told = next(c for c in traffic.monitor.status.conditions if c.type == "VolumeUsual")
    # The pods still knew of the hour before.
    assert told.message.endswith("is that from 2026-01-26 00:00"), told.message
    assert known_from(weeks(1)) == MONDAY + timedelta(weeks=3)
    assert known_from(weeks(4)) == MONDAY + timedelta(weeks=4)
    lost = weeks(2)
    for _ in range(3):
        lost = next_hour(lost, None)
    assert known_from(lost) == MONDAY + timedelta(weeks=3, hours=3)


def test_of_many_pods_the_others_are_taken_to_be_like_those_that_were_asked() -> None:
    traffic = Traffic()
    traffic.ready = {"r1": 4}
    for minute in range(0, 130, 5):
        traffic.look(MONDAY + timedelta(minutes=minute, seconds=7))
    known = traffic.monitor.status.behaviour
    assert known is not None and known.hours[-1] == 4 * 720


def test_a_pod_whose_clock_is_wrong_is_not_left_out_of_the_sum() -> None:
    traffic = Traffic()
    traffic.skewed = {"pod-1"}
    for minute in range(0, 130, 5):
        assert traffic.look(MONDAY + timedelta(minutes=minute, seconds=7))[0] == "Unknown"
    known = traffic.monitor.status.behaviour
    assert known is not None and known.requests is None


def test_a_time_zone_that_does_not_exist_is_told() -> None:
    traffic = Traffic(zone="Mars/Olympus")
    assert traffic.look(MONDAY) == ("Unknown", "InvalidSpec")


def test_looks_further_apart_than_pods_keep_requests_are_said_to_be() -> None:
    traffic = Traffic(weeks(4))
    spec = {**traffic.monitor.spec.to_json(), "interval": "1h"}
    traffic.monitor = DriftMonitor.read({**traffic.monitor.to_json(), "spec": spec})
    assert traffic.look(MONDAY + timedelta(days=29)) == ("Unknown", "InvalidSpec")
    (message,) = [c.message for c in traffic.monitor.status.conditions if c.type == "VolumeUsual"]
    assert "pods keep requests for 55 minutes" in message and "each 1h" in message
