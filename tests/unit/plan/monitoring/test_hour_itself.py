"""A column that is the hour itself, beside rows of the same hours."""

from typing import Any

from builders import NOW, conditions
from test_same_hours import DAY, HOURS, NIGHT, look, message

from perennial_artifact.profile import Profile

LIKE_DAY = [100, 100, 800]
ROWS = 500
"""Of an hour."""


def profile() -> Profile:
    """Return one of x, high by day, and of the hour, in bins of two."""
    x_hours = [[*(DAY if 6 <= h < 18 else NIGHT), 0, 0] for h in range(24)]
    hours = [[ROWS * (b == h // 2) for b in range(12)] + [0, 0] for h in range(24)]

    def column(name: str, edges: list[int], by_hour: list[list[int]]) -> dict[str, Any]:
        whole = [sum(h[i] for h in by_hour) for i in range(len(edges) + 1)]
        return {"name": name, "kind": "Numeric", "edges": edges, "counts": whole, "hours": by_hour}

    x, hour = column("x", [1, 2], x_hours), column("hour", list(range(2, 24, 2)), hours)
    return Profile.from_plain(
        {"rows": ROWS * 24, "features": [x, hour], "predictions": [{**x, "name": "label"}]}
    )


def at_noon(x: list[int], bins: dict[int, int], spec: dict[str, Any] = HOURS) -> Any:
    """Return the plan of a window from 11 to 12, with the hour's values in some bins."""
    hour = [bins.get(b, 0) for b in range(12)]
    assert NOW.hour == 12 and sum(hour) == sum(x)
    return look(x, spec, profile(), columns=[x, hour])


def test_it_is_left_out_and_told() -> None:
    plan, _ = at_noon(LIKE_DAY, {5: 1000})
    assert conditions(plan)["Drifted"] == ("False", "LikeReference")
    assert conditions(plan)["QualityPassed"][0] == "True"
    told = "hour is not looked at, since it goes with the hour itself"
    assert plan.status.reference.message.endswith(told) and message(plan).endswith(told)
    assert [w.feature for w in plan.status.worst] == ["label", "x"]


def test_the_others_are_looked_at() -> None:
    plan, _ = at_noon([800, 100, 100], {5: 1000})
    assert conditions(plan)["Drifted"][0] == "True" and "x is 2.9 off" in message(plan)


def test_one_that_is_off_by_more_is_drift() -> None:
    """A clock that went wrong by half a day."""
    plan, _ = at_noon(LIKE_DAY, {11: 1000})
    assert conditions(plan)["Drifted"][0] == "True" and message(plan).startswith("hour is")


def test_nothing_is_said_where_nothing_else_is_tested() -> None:
    spec = {**HOURS, "tests": [{"name": "only", "features": ["hour"]}]}
    plan, _ = at_noon(LIKE_DAY, {5: 1000}, spec)
    assert conditions(plan)["Drifted"] == ("Unknown", "OnlyHours")


def test_beside_all_rows_it_is_drift_as_ever() -> None:
    plan, _ = at_noon(LIKE_DAY, {5: 1000}, {})
    assert conditions(plan)["Drifted"][0] == "True"
    assert "hour" in [w.feature for w in plan.status.worst if w.score >= w.need]
