"""Features that are constant, and requests that are refused: what QualityPassed says."""

from typing import Any

import pytest
from builders import NOW, conditions, monitor
from test_monitor_decision import LIKE, look, window

from perennial_artifact.usage import Refusal, Slice, Usage
from perennial_artifact.windows import Column, Window

START = int(NOW.timestamp()) - 3600


def with_usage(shown: Window, answered: int, *refusals: Refusal) -> Window:
    """Return a window with as many requests in each of 24 slices."""
    slices = [Slice(START + 150 * n, 150, answered // 24, list(refusals), [], 0) for n in range(24)]
    return shown.replace(usage=Usage(slices=slices))


def quality(spec: dict[str, Any], shown: Window) -> Any:
    plan, after = look(monitor(spec), [], 0, windows=(shown,))
    found = {c.type: c for c in after.status.conditions}["QualityPassed"]
    return conditions(plan)["QualityPassed"], found.message, after.status.quality


def test_requests_that_are_refused_for_their_inputs_are_told_with_cause_and_input() -> None:
    shown = with_usage(window(LIKE), 2_400, Refusal("Missing", "x", 6), Refusal("Unknown", "", 2))
    told, message, breaches = quality({}, shown)
    assert told == ("False", "QualityLimitsBroken")
    assert message == (
        "7.4% of 2,592 requests are refused for their inputs (Missing 5.6%, Unknown 1.9%, "
        "mostly for x), 1% may"
    )
    (breach,) = breaches
    assert (breach.feature, breach.check, breach.maximum) == ("x", "Refused", 0.01)


def test_where_all_requests_are_refused_that_is_told_though_no_row_came() -> None:
    """No row has a value: of the values nothing is known."""
    shown = with_usage(window([0, 0, 0]), 0, Refusal("WrongType", "x", 100))
    told, message, _ = quality({}, shown)
    assert told == ("False", "QualityLimitsBroken") and message.startswith("100% of 2,400 requests")


@pytest.mark.parametrize(
    ("spec", "refusals"),
    [
        ({}, [Refusal("Overload", "", 40), Refusal("Malformed", "", 40)]),  # not of the values
        ({}, [Refusal("Missing", "x", 1)]),  # 24 of 2,424: within the limit
        ({"quality": {"refused": {"maximum": 0.2}}}, [Refusal("Missing", "x", 10)]),
        ({"quality": {"refused": {"maximum": 1}}}, [Refusal("Missing", "x", 10_000)]),
        ({"minimumSamples": 800}, [Refusal("Missing", "x", 1)]),
    ],
)
def test_others_and_few_are_not(spec: dict[str, Any], refusals: list[Refusal]) -> None:
    told, _, _ = quality(spec, with_usage(window(LIKE), 2_400, *refusals))
    assert told == ("True", "WithinLimits")


def test_pods_that_do_not_count_it_say_nothing_of_it() -> None:
    assert quality({}, window(LIKE))[0] == ("True", "WithinLimits")


def constant(value: float | None) -> Window:
    shown = window([0, 900, 0])
    assert shown.features is not None
    return shown.replace(features=[Column([0, 900, 0], 0, 0, 0, value), shown.features[1]])


def test_a_feature_with_one_value_that_varied_is_constant() -> None:
    told, message, breaches = quality({}, constant(1.5))
    assert told[0] == "False" and [b.check for b in breaches] == ["Constant"]
    assert message == "x Constant: it has one value alone, and varied in the reference"


def test_of_an_older_server_it_is_not_known_and_it_can_be_switched_off() -> None:
    """One bin is not one value; a category that never was another is no fault."""
    assert quality({}, constant(None))[0][0] == "True"
    assert quality({"quality": {"constant": "Disabled"}}, constant(1.5))[0][0] == "True"


def repeats(found: float = 0.4, usual: float = 0.04, **more: Any) -> dict[str, Any]:
    """Return a status of a monitor whose newest report counted rows that repeat another one."""
    told = {"version": "a" * 12, "time": NOW.isoformat(), "rows": 2_000, "p": 1e-9}
    return {"report": {"equalRows": {**told, "fraction": found, "usual": usual, **more}}}


def of_report(spec: dict[str, Any], status: dict[str, Any]) -> Any:
    made = monitor({"report": {"every": "1h"}, **spec}, status=status)
    plan, after = look(made, [], 0, windows=(window(LIKE),))
    found = {c.type: c for c in after.status.conditions}["QualityPassed"]
    return conditions(plan)["QualityPassed"], found.message, after.status.quality


def test_rows_that_repeat_another_one_are_told_beside_what_is_usual() -> None:
    told, message, (breach,) = of_report({}, repeats())
    assert told == ("False", "QualityLimitsBroken")
    assert message == (
        "40% of 2,000 rows repeat another one, which 4% of the reference do, 10% more may"
    )
    assert (breach.feature, breach.check, breach.fraction) == ("", "Duplicates", 0.36)


@pytest.mark.parametrize(
    ("spec", "status"),
    [
        ({}, repeats(found=0.13)),
        ({}, repeats(found=0.5, usual=0.45)),
        ({}, repeats(p=0.01)),
        ({}, repeats(rows=50)),
        ({}, repeats(version="b" * 12)),  # of what served before
        ({}, repeats(time="2020-01-01T00:00:00Z")),
        ({"quality": {"duplicates": {"maximum": 0.4}}}, repeats()),
        ({"quality": {"duplicates": {"maximum": 1}}}, repeats(found=1.0)),
        ({"report": None}, repeats()),
        ({}, {}),
    ],
)
def test_few_and_usual_ones_and_those_of_another_time_are_not(
    spec: dict[str, Any], status: dict[str, Any]
) -> None:
    told, _, breaches = of_report(spec, status)
    assert told == ("True", "WithinLimits") and not breaches
