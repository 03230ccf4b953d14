"""Traffic beside the rows of the same hours of the day."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from builders import NOW, conditions, later, monitor, training
from test_monitor_decision import answers, serving, window

from perennial.plan.monitoring import MonitorSnapshot, plan_monitor, refutable
from perennial.plan.monitoring.same_hours import hours_of
from perennial_artifact.profile import Profile
from perennial_artifact.windows import Column

HOURS: dict[str, Any] = {"reference": {"sameHours": {}}}
NIGHT, DAY = [400, 50, 50], [50, 50, 400]
"""Of an hour, in three bins."""
AT = 11
"""The hour of the window: it ends at noon."""


def profile(rows: int = 500, hours: range = range(24)) -> Profile:
    """Return one whose x is high from six to six and low by night, told for some hours."""
    assert NOW.hour == AT + 1
    share = rows / 500
    by_hour = [
        [round(share * c) * (h in hours) for c in (DAY if 6 <= h < 18 else NIGHT)] + [0, 0]
        for h in range(24)
    ]
    whole = [sum(hour[i] for hour in by_hour) for i in range(3)]
    x = {"name": "x", "kind": "Numeric", "edges": [1, 2], "counts": whole, "hours": by_hour}
    total = [[sum(hour), 0, 0] for hour in by_hour]
    colour = {"name": "colour", "kind": "Categorical", "categories": ["red"], "hours": total}
    colour["counts"] = [sum(whole)]
    label = {**x, "name": "label", "hours": [[c // 5 for c in hour] for hour in by_hour]}
    label["counts"] = [sum(hour[i] for hour in label["hours"]) for i in range(3)]
    return Profile.from_plain({"rows": sum(whole), "features": [x, colour], "predictions": [label]})


def without_hours() -> Profile:
    found = profile()
    features, predictions = (
        [p.replace(hours=[]) for p in ps] for ps in (found.features, found.predictions)
    )
    return found.replace(features=features, predictions=predictions)


def look(
    x: list[int], spec: dict[str, Any], of: Profile, at: datetime = NOW, **more: Any
) -> tuple[Any, MonitorSnapshot]:
    told = window(x)
    start, end = int(at.timestamp()) - more.pop("length", 3_600), int(at.timestamp())
    assert told.features is not None
    features = [Column(c, 0, 0, 0) for c in more.pop("columns", ())] or told.features
    told = told.replace(start=start, end=end, features=features, predictions=[told.features[0]])
    m = more.pop("monitor", None) or monitor(spec)
    s = MonitorSnapshot(
        monitor=m,
        now=at,
        deployment=serving(),
        training=more.pop("training", training()),
        answers=answers((told,)),
        profile=of,
    )
    return plan_monitor(s), s


def message(plan: Any) -> str:
    return str(next(c.message for c in plan.status.conditions if c.type == "Drifted"))


def test_what_the_time_of_day_brings_is_no_drift() -> None:
    by_day = [100, 100, 800]
    plan, s = look(by_day, {}, profile())
    assert conditions(plan)["Drifted"][0] == "True" and refutable(s, plan)
    assert plan.status.reference.message is None and plan.status.reference.same_hours is None
    plan, s = look(by_day, HOURS, profile())
    assert conditions(plan)["Drifted"] == ("False", "LikeReference") and not refutable(s, plan)
    told = "compared with 1,500 rows from 10:00 to 13:00 UTC"
    assert plan.status.reference.message == told and plan.status.reference.same_hours
    assert message(plan) == f"1000 rows are like the reference; {told}"


def test_what_is_usual_by_night_is_drift_by_day() -> None:
    plan, s = look([800, 100, 100], HOURS, profile())
    assert conditions(plan)["Drifted"][0] == "True" and "x" in refutable(s, plan)
    assert message(plan).endswith("compared with 1,500 rows from 10:00 to 13:00 UTC")


def test_hours_with_too_few_rows_are_told_and_all_rows_compared_with() -> None:
    plan, _ = look([100, 100, 800], HOURS, profile(hours=range(14, 24)))
    assert plan.status.reference.message == (
        "compared with all rows, for 0 are from 10:00 to 13:00 UTC, and 200 are needed"
    )
    assert conditions(plan)["Drifted"][0] == "True"  # half of them are of the night


def test_predictions_have_fewer_rows_and_may_be_compared_with_all_of_them() -> None:
    plan, _ = look([100, 100, 800], HOURS, profile(rows=250))
    assert plan.status.reference.message == (
        "compared with 750 rows from 10:00 to 13:00 UTC; predictions with all that were held out, "
        "as 150 are from then"
    )
    assert {w.feature for w in plan.status.worst if w.score >= w.need} == {"label"}


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (
            None,
            "compared with all rows, for ModelTraining flights does not say when a row happened: "
            "set its dataset.timeColumn, and train anew",
        ),
        (
            "at",
            "compared with all rows, for the version's profile has no counts by hour: train anew, "
            "with a dataset.timeColumn that has times of day",
        ),
    ],
)
def test_a_profile_without_hours_is_told_and_what_to_do(column: str | None, message: str) -> None:
    mt = training()
    dataset = mt.spec.dataset.model_copy(update={"time_column": column})
    mt = mt.model_copy(update={"spec": mt.spec.model_copy(update={"dataset": dataset})})
    plan, _ = look([450, 100, 450], HOURS, without_hours(), training=mt)
    assert plan.status.reference.message == message
    assert conditions(plan)["Drifted"][0] == "False"


def test_what_may_be_the_time_of_day_is_neither_drift_nor_none_on_the_first_day() -> None:
    """Then it is drift where it stayed all day, and usual where it came and went."""
    higher, lower = [600, 100, 300], [450, 100, 450]
    assert conditions(look(higher, {}, without_hours())[0])["Drifted"][0] == "True"
    plan, s = look(higher, HOURS, without_hours())
    assert conditions(plan)["Drifted"] == ("Unknown", "MayBeHours") and not refutable(s, plan)
    assert "drift needs 0.25" in message(plan) and "may be the time of day" in message(plan)
    assert plan.status.history[-1].drifted == "Unknown" and plan.status.worst[0].need == 0.25

    def day_after(between: list[int]) -> str:
        known = s.monitor.model_copy(update={"status": plan.status})
        for minutes, x in ((60, between), (24 * 60, higher)):
            at = later(60 * minutes)
            found, _ = look(x, HOURS, without_hours(), at, monitor=known)
            known = known.model_copy(update={"status": found.status})
        return conditions(found)["Drifted"][0]

    assert day_after(higher) == "True"
    assert day_after(lower) == "False"


def test_hours_of_which_few_rows_are_known_may_be_what_is_off_too() -> None:
    plan, _ = look([300, 100, 600], HOURS, profile(hours=range(14, 24)))
    held = {w.feature: w.need for w in plan.status.worst}
    assert held["x"] == 0.25


def test_a_window_of_a_day_needs_no_hours() -> None:
    told = {**HOURS, "window": "24h"}
    s_plan, _ = look([600, 100, 300], told, without_hours(), length=86_400)
    assert conditions(s_plan)["Drifted"][0] == "True"
    assert message(s_plan).endswith("compared with the rows of all hours, which the window has")


def test_a_zone_that_is_none_is_named() -> None:
    zone = {"reference": {"sameHours": {"timeZone": "Mars/Olympus"}}}
    plan, _ = look([100, 100, 800], zone, profile())
    assert conditions(plan)["Stalled"] == ("True", "InvalidSpec")
    assert "'Mars/Olympus' is no IANA time zone" in plan.events[0].message


def test_what_is_usual_is_learned_anew_where_other_rows_are_compared_with() -> None:
    plan, s = look([450, 100, 450], {}, profile())
    known = s.monitor.model_copy(update={"status": plan.status})
    plan, _ = look([100, 100, 800], {}, profile(), later(60), monitor=known)
    assert plan.status.reference.since == NOW
    asked = monitor(HOURS).model_copy(update={"status": plan.status})
    plan, _ = look([100, 100, 800], HOURS, profile(), later(120), monitor=asked)
    assert plan.status.reference.since == later(120) and not plan.status.usual
    again = monitor(HOURS).model_copy(update={"status": plan.status})
    plan, _ = look([100, 100, 800], HOURS, profile(), later(180), monitor=again)
    assert plan.status.reference.since == later(120)


def test_a_limit_of_quality_knows_the_range_of_all_rows() -> None:
    """Of few rows some are beyond the range by chance; all rows tell that these are not."""
    plan, _ = look([100, 100, 800], HOURS, profile())
    assert conditions(plan)["QualityPassed"] == ("True", "WithinLimits")


@pytest.mark.parametrize(
    ("start", "hours", "length", "zone"),
    [
        ("2026-01-05T10:00", [9, 10, 11], 1.0, "Etc/UTC"),
        ("2026-01-05T10:20", [9, 10, 11, 12], 1.0, "Etc/UTC"),
        ("2026-01-05T23:30", [22, 23, 0, 1], 1.0, "Etc/UTC"),
        ("2026-01-05T10:00", [9, 10, 11], 0.01, "Etc/UTC"),
        ("2026-01-05T20:00", [19, 20, 21, 22, 23, 0, 1, 2], 6.0, "Etc/UTC"),
        ("2026-01-05T15:00", [9, 10, 11], 1.0, "America/New_York"),
        ("2026-07-05T14:00", [9, 10, 11], 1.0, "America/New_York"),
        ("2026-01-05T04:30", [9, 10, 11], 1.0, "Asia/Kolkata"),
    ],
)
def test_the_hours_of_a_window(start: str, hours: list[int], length: float, zone: str) -> None:
    begun = datetime.fromisoformat(start).replace(tzinfo=UTC)
    first, last = (int(t.timestamp()) for t in (begun, begun + timedelta(hours=length)))
    assert hours_of(first, last, ZoneInfo(zone)) == hours


def test_a_window_of_a_day_has_all_hours() -> None:
    assert len(hours_of(0, 86_400)) == 24
