"""The simulated payments are what they are said to be."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from fraud.data import (
    FEATURES,
    MONTH,
    NEVER_REPORTED,
    START,
    Year,
    month_of,
    payments,
    training_rows,
)

SMALL = 600


@pytest.fixture(scope="module")
def year() -> pd.DataFrame:
    return payments(Year(seed=7, customers=SMALL))


def test_a_seed_makes_the_same_year_again(year: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(year, payments(Year(seed=7, customers=SMALL)))
    assert len(payments(Year(seed=8, customers=SMALL))) != len(year)


def test_it_is_about_one_fraud_in_120_payments(year: pd.DataFrame) -> None:
    assert 90_000 < len(year) < 125_000
    assert year["fraud"].mean() == pytest.approx(0.0081, abs=0.001)
    assert not year[FEATURES].isna().any().any()
    assert year["time"].is_monotonic_increasing


def test_schemes_replace_one_another(year: pd.DataFrame) -> None:
    fraud = year[year["fraud"] == 1]
    shares = pd.crosstab(month_of(fraud), fraud["scheme"], normalize="index")
    assert shares.loc[:3, "stolen card"].mean() > 0.6
    assert (shares.loc[6:7, "account takeover"] > 0.6).all()
    assert (shares.loc[:7, "prepaid codes"] == 0).all()
    assert (shares.loc[9:, "prepaid codes"] > 0.4).all()


@pytest.mark.parametrize("shift", ["none", "customers"])
def test_where_nothing_changes_the_schemes_stay(shift: str) -> None:
    calm = payments(Year(seed=7, customers=SMALL, shift=shift))  # type: ignore[arg-type]
    assert set(calm.loc[calm["fraud"] == 1, "scheme"]) == {"stolen card", "card testing"}


def test_new_customers_pay_less() -> None:
    rows = payments(Year(seed=7, customers=SMALL, shift="customers"))
    is_newer = month_of(rows) >= 6
    before, after = rows[~is_newer], rows[is_newer]
    assert not set(before["customer"]) & set(after["customer"])
    assert after["amount"].median() < 0.75 * before["amount"].median()


def test_labels_come_late_and_some_never(year: pd.DataFrame) -> None:
    fraud = year[year["fraud"] == 1]
    late = (fraud["known"] - fraud["time"]) / pd.Timedelta(days=1)
    assert year.loc[year["fraud"] == 0, "known"].isna().all()
    assert late.isna().mean() == pytest.approx(NEVER_REPORTED, abs=0.03)
    assert late.median() == pytest.approx(12.0, abs=1.5)
    assert late.max() <= 60.0


def test_trained_on_is_what_was_known_by_then(year: pd.DataFrame) -> None:
    at = START + pd.Timedelta(days=150)
    rows = training_rows(year, at)
    assert rows["time"].min() >= at - pd.Timedelta(days=90)
    assert rows["time"].max() < at
    young = rows[rows["time"] > at - pd.Timedelta(days=30)]
    assert (young["fraud"] == 1).all()
    assert len(young) > 0
    assert (rows.loc[rows["fraud"] == 1, "known"] <= at).all()
    unreported = rows[(rows["scheme"] != "") & (rows["fraud"] == 0)]
    assert len(unreported) > 0


def test_history_is_of_the_same_customer_and_of_the_past(year: pd.DataFrame) -> None:
    """Beside a plain count, payment by payment."""
    chosen = np.random.default_rng(0).choice(len(year), 200, replace=False)
    second = (year["time"] - START).dt.total_seconds()
    for n in chosen:
        row, now = year.iloc[n], second.iloc[n]
        own = year[(year["customer"] == row["customer"]) & (second < now)]
        age = now - second[own.index]
        assert row["count_1h"] == (age <= 3600).sum()
        assert row["count_24h"] == (age <= 86_400).sum()
        assert row["sum_24h"] == pytest.approx(own.loc[age <= 86_400, "amount"].sum(), abs=0.02)
        usual = own.loc[age <= 30 * 86_400, "amount"].mean()
        expected = 1.0 if np.isnan(usual) else row["amount"] / usual
        assert row["amount_ratio"] == pytest.approx(expected, abs=0.002, rel=0.002)
        last = 30.0 if own.empty else min(age.min() / 86_400, 30.0)
        assert row["days_since_last"] == pytest.approx(last, abs=0.001)


def test_what_a_frozen_model_knows_wears_out(year: pd.DataFrame) -> None:
    """A rule for stolen cards finds them early in the year, and little late in it."""
    score = year["amount_ratio"] * (1 + 2 * year["night"] + 2 * year["foreign"])
    months = month_of(year)
    found = {
        month: average_precision_score(year.loc[months == month, "fraud"], score[months == month])
        for month in (1, 10)
    }
    assert found[1] > 4 * found[10]
    assert months.max() == 360 // MONTH - 1
