"""A report beside the rows of the hours that the log's are of."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from perennial_artifact.manifest import Column
from perennial_artifact.profile import Profile
from perennial_statistics.drift import DriftReport
from perennial_training.prove.answers import Answers
from perennial_training.prove.profile import hours_of, profile
from perennial_training.report.features import Distributions, distributions
from perennial_training.report.hours import at_hours
from perennial_training.report.predicted import predicted

DAY, HOUR, WEEK = 86_400, 3_600, 7 * 86_400.0
MONDAY = pd.Timestamp("2026-01-05", tz="UTC").timestamp()
UNTIL = MONDAY + WEEK


def amounts(made: NDArray[Any], rng: np.random.Generator, more: float = 0.0) -> pd.DataFrame:
    """Return amounts that are higher by day, by up to 0.8 sd."""
    cycle = 0.8 * np.sin(2 * np.pi * (made / DAY - 0.25))
    return pd.DataFrame({"amount": rng.normal(cycle + more, 1, len(made))})


def learned(rows: int = 20_000) -> Profile:
    rng = np.random.default_rng(1)
    made = MONDAY - WEEK * rng.random(rows)
    found = amounts(made, rng)
    answers = Answers(found["amount"].to_numpy(), None, (), ())
    hours = hours_of(pd.Series(made))
    return profile([Column("amount", "Number")], found, answers, hours=hours, held_out_hours=hours)


def office(rows: int = 5_000) -> NDArray[Any]:
    """Return moments between 9 and 17, of a week."""
    rng = np.random.default_rng(2)
    return np.sort(MONDAY + DAY * rng.integers(0, 7, rows) + HOUR * rng.uniform(9, 17, rows))


def report(made: NDArray[Any], of: Profile, zone: str | None, more: float = 0.0) -> Distributions:
    inputs = amounts(made, np.random.default_rng(3), more).add_prefix("input.")
    time = pd.Series(pd.to_datetime(made, unit="s", utc=True)).astype("datetime64[us, UTC]")
    told = {"time": time, "told": time, "label": None, "reward": np.nan}
    rows = inputs.assign(**told, **{"output.prediction": inputs["input.amount"]})
    return distributions(of, rows, predicted(rows, ()), WEEK, UNTIL, zone)


def drifted(found: Distributions) -> tuple[str, ...]:
    told: DriftReport = found.report
    return told.drifted


def test_rows_of_office_hours_are_like_those_of_office_hours() -> None:
    of = learned()
    assert "amount" in drifted(report(office(), of, None))
    found = report(office(), of, "Etc/UTC")
    assert not drifted(found) and found.hours == "the hours 8:00 to 18:00 UTC"
    assert sum(found.profiles["amount"].counts) < of.rows / 2
    assert "amount" in drifted(report(office(), of, "Etc/UTC", more=0.3))


def test_the_clock_is_that_of_the_profile() -> None:
    found = report(office(), learned(), "Asia/Kolkata")
    assert found.hours == "the hours 13:00 to 24:00 Asia/Kolkata".replace("24:", "0:")
    assert "amount" in drifted(found)


@pytest.mark.parametrize(
    ("of", "told"),
    [
        (learned(300), "all hours, as too little is told"),
        (learned().replace(features=[f.replace(hours=[]) for f in learned().features]), None),
    ],
)
def test_all_rows_are_compared_with_where_too_few_are_told(of: Profile, told: str | None) -> None:
    found, said = at_hours(of, office(), "Etc/UTC")
    assert [f.counts for f in found.features] == [f.counts for f in of.features]
    assert said == (told or "all hours, as too little is told")


def test_a_log_of_all_hours_is_beside_all_rows() -> None:
    of, made = learned(), MONDAY + WEEK * np.linspace(0, 0.999, 5_000)
    found = report(made, of, "Etc/UTC")
    assert found.profiles["amount"] == of.features[0] and found.hours == "all hours of the day"
    assert at_hours(of, np.zeros(0), "Etc/UTC")[0] is of


def test_hours_over_midnight_are_one_span() -> None:
    made = np.array([MONDAY + 23.5 * HOUR, MONDAY + 24.5 * HOUR])
    assert at_hours(learned(), made, "Etc/UTC")[1] == "the hours 22:00 to 2:00 UTC"
