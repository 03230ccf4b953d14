"""The table and the picture of the fraud case say what was measured, and can be read."""

import itertools
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from fraud.measured import BUDGET, by_month, days_to_recover
from fraud.news import News
from fraud.picture import picture
from fraud.policies import Policy
from fraud.table import comparison

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Ten payments an hour for eight months, each hundredth a fraud."""
    number = 240 * 100
    day = 120 + np.arange(number) / 100
    return pd.DataFrame({"day": day, "fraud": (np.arange(number) % 100 == 7).astype(int)})


def found_until(rows: pd.DataFrame, lost: float, again: float) -> np.ndarray:
    """Return scores that rank frauds first, and last from one day until another."""
    is_lost = (rows["day"] >= lost) & (rows["day"] < again)
    return np.where(is_lost, 1 - rows["fraud"], rows["fraud"]) * 0.9


def test_a_month_is_measured_within_what_people_can_look_at(rows: pd.DataFrame) -> None:
    months = by_month(rows, found_until(rows, 150, 180))
    assert [m.month for m in months] == list(range(4, 12))
    assert (months[0].average_precision, months[0].recall, months[0].false_positives) == (1, 1, 0)
    assert months[0].alert_rate == pytest.approx(0.01) and months[0].precision == 1
    assert months[1].recall == 0
    assert months[1].false_positives == round(BUDGET * 3000)


def test_how_long_it_takes_until_a_new_scheme_is_found(rows: pd.DataFrame) -> None:
    assert days_to_recover(rows, found_until(rows, 240, 270)) == 45
    assert days_to_recover(rows, found_until(rows, 240, 400)) is None


def test_the_table_has_a_line_for_each_way(rows: pd.DataFrame) -> None:
    policies = [
        Policy("never retrained", found_until(rows, 240, 400), 0),
        Policy("oracle", found_until(rows, 0, 0), 7),
    ]
    lines = comparison(rows, policies).splitlines()
    head = "| average precision in month | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 |"
    assert lines[0] == head
    assert "| oracle | 1.00 | 1.00 | 1.00 | 1.00 | 1.00 | 1.00 | 1.00 | 1.00 |" in lines
    assert lines[-2:] == [
        "| never retrained | 50% | 120 | 0 | never |",
        "| oracle | 100% | 0 | 7 | 15 |",
    ]


def test_the_picture_shows_each_way_and_each_thing_that_happened(rows: pd.DataFrame) -> None:
    names = ("never retrained", "by the calendar", "by Perennial", "oracle")
    policies = [Policy(name, found_until(rows, 240, 270), 1) for name in names]
    happened = [News(190, "alarm", ""), News(190, "retraining", ""), News(200, "promotion", "")]
    root = ET.fromstring(picture(rows, policies, happened))
    assert len(root.findall(f"{SVG}polyline")) == 4
    assert len(root.findall(f"{SVG}path")) == 3
    words = {text.text: float(text.get("y", 0)) for text in root.iter(f"{SVG}text")}
    heights = sorted(words[name] for name in names)
    assert min(b - a for a, b in itertools.pairwise(heights)) >= 17, "they overlap"
    width, height = (float(n) for n in root.get("viewBox", "").split()[2:])
    assert all(0 < y < height for y in words.values()) and width == 760
    assert "prefers-color-scheme: dark" in str(root.find(f"{SVG}style").text)  # type: ignore
    assert "http" not in picture(rows, policies, happened).replace(SVG[1:-1], "")
