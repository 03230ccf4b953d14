"""The fraud case in short, on a real node: a new scheme begins at once, and only labels tell."""

from collections.abc import Iterator

import pandas as pd
import pytest

from fraud import demo
from fraud.data import DAYS, MONTH, Year, payments
from fraud.measured import by_month
from fraud.policies import never, with_days

ASKED = demo.Asked(customers=1500, months=range(4, 8), day_seconds=1.3)
SKIPPED = range(4, 8)
"""Months in which the schemes change by and by: the new one begins right after what is learned."""


def at_once(rows: pd.DataFrame) -> pd.DataFrame:
    """Return payments without the skipped months, the later ones that much earlier."""
    days = len(SKIPPED) * MONTH
    later = rows[rows["day"] >= SKIPPED.stop * MONTH]
    moved = later.assign(
        day=later["day"] - days,
        time=later["time"] - pd.Timedelta(days=days),
        known=later["known"] - pd.Timedelta(days=days),
    )
    before = rows[rows["day"] < SKIPPED.start * MONTH]
    return pd.concat([before, moved], ignore_index=True)


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    found = at_once(with_days(payments(Year(ASKED.seed, ASKED.customers))))
    assert found["day"].max() < DAYS - len(SKIPPED) * MONTH
    return found


@pytest.fixture(scope="module")
def played(values: str, rows: pd.DataFrame) -> Iterator[demo.Played]:
    try:
        yield demo.play(ASKED, rows, values)
    finally:
        demo.clear()


def test_every_payment_is_answered_though_versions_come_and_go(played: demo.Played) -> None:
    assert played.rows["score"].notna().all()
    assert played.rows["version"].nunique() > 1


def test_labels_tell_what_the_inputs_do_not(played: demo.Played) -> None:
    happened = [news.kind for news in played.news]
    assert "alarm" in happened and "drift" not in happened
    assert happened.index("alarm") <= happened.index("retraining") < happened.index("promotion")


def test_the_new_scheme_is_found_again(played: demo.Played, rows: pd.DataFrame) -> None:
    frozen = by_month(played.rows, never(rows, ASKED.months).scores)
    ours = by_month(played.rows, played.policy.scores)
    assert frozen[-1].average_precision < 0.2
    assert ours[-1].average_precision > 2 * frozen[-1].average_precision
