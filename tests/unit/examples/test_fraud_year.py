"""The year without a cluster: what wears out, what is noticed, and what is left alone."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import yaml

from fraud import monitored
from fraud.asked import complaints, of_monitor
from fraud.data import START, Year, payments, training_rows
from fraud.limits import shown
from fraud.measured import by_month
from fraud.monitored import by_perennial
from fraud.news import News
from fraud.policies import fitted, live_rows, never, scored, with_days
from fraud.trained import learned, shipped

CUSTOMERS = 1000


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return with_days(payments(Year(7, CUSTOMERS)))


@pytest.fixture(scope="module")
def frozen(rows: pd.DataFrame) -> dict[int, float]:
    """Average precision by month of what is never retrained."""
    return {m.month: m.average_precision for m in by_month(live_rows(rows), never(rows).scores)}


def test_a_frozen_model_wears_out_and_a_retrained_one_does_not(
    rows: pd.DataFrame, frozen: dict[int, float]
) -> None:
    retrained = {}
    for month in (9, 10, 11):
        now = live_rows(rows, range(month, month + 1))
        model = fitted(training_rows(rows, START + pd.Timedelta(days=30 * month)))
        (found,) = by_month(now, scored(model, now))
        retrained[month] = found.average_precision
    assert complaints("fraud", frozen, retrained) == []


def test_the_monitor_notices_what_inputs_do_not_show_and_recovers(
    rows: pd.DataFrame, frozen: dict[int, float]
) -> None:
    policy, happened = by_perennial(rows)
    ours = {m.month: m.average_precision for m in by_month(live_rows(rows), policy.scores)}
    assert of_monitor("fraud", ours, frozen, happened) == []
    assert policy.retrainings >= 2


def test_what_is_shipped_is_what_is_shown_to_be_better(rows: pd.DataFrame) -> None:
    def known(day: int) -> pd.DataFrame:
        return training_rows(rows, START + pd.Timedelta(days=day))

    first, last = learned("fraud-1", known(120)), learned("fraud-2", known(330))
    judged = shipped(known(330), first, last)
    assert (judged.outcome, judged.better) == ("Promoted", True)
    judged = shipped(known(330), last, first)  # no rows are newer, and on older ones it is worse
    assert (judged.outcome, judged.better) == ("NotBetter", False)
    judged = shipped(known(330), replace(last, until=first.until), first)
    assert (judged.outcome, judged.better) == ("NotBetter", False)


def test_limits_of_the_monitor_are_what_a_team_would_set_before(rows: pd.DataFrame) -> None:
    spec = yaml.safe_load((Path(monitored.__file__).parent / "monitor.yaml").read_text())["spec"]
    found = shown(rows)
    seen = {"alertRate": found.alert_rate, "precision": found.precision, "recall": found.recall}
    for metric in spec["performance"]["metrics"]:
        ((name, limit),) = ((k, v["minimum"]) for k, v in metric.items() if k in seen)
        assert 0.5 < limit / seen.pop(name) < 0.9, name  # 70 %, on few frauds
    assert not seen


def test_nothing_happens_while_nothing_changes() -> None:
    rows = with_days(payments(Year(7, CUSTOMERS, "none")))
    ours, happened = by_perennial(rows)
    assert happened == [] and ours.retrainings == 0


@pytest.mark.parametrize(
    ("shift", "frozen", "retrained", "told"),
    [
        ("fraud", {8: 0.1, 9: 0.25}, {9: 0.5}, ["month 9: never retrained 0.25 is no decay"]),
        ("fraud", {9: 0.1}, {9: 0.2}, ["month 9: retrained 0.20 is too little"]),
        ("fraud", {9: 0.1, 10: 0.1}, {9: 0.31, 10: 0.6}, []),
        ("none", {4: 0.8, 5: 0.8}, {4: 0.79, 5: 0.9}, ["month 5: 0.80 and 0.90 differ"]),
    ],
)
def test_what_is_not_as_the_case_has_it_is_told(
    shift: str, frozen: dict[int, float], retrained: dict[int, float], told: list[str]
) -> None:
    assert complaints(shift, frozen, retrained) == told  # type: ignore[arg-type]


def test_what_the_monitor_ought_not_to_do_is_told() -> None:
    alarm = News(150.0, "alarm", "recall")
    assert of_monitor("none", {}, {}, [alarm]) == ["day 150: a needless alarm: recall"]
    assert of_monitor("fraud", {10: 0.1}, {10: 0.1}, []) == [
        "no alarm came",
        "month 10: 0.10 after all",
    ]
    assert of_monitor("fraud", {}, {}, [alarm, News(350.0, "drift", "hour")]) == [
        "day 350: inputs: hour"
    ]
    assert of_monitor("customers", {}, {}, []) == ["nobody told of new customers"]
    assert of_monitor("customers", {7: 0.5}, {7: 0.8}, [News(185.0, "drift", "amount")]) == [
        "month 7: 0.50 is a harm, 0.80 without"
    ]
