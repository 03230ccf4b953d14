"""Card payments with fraud that changes its ways: a seeded simulation of one year.

No public data set has real fraud with months of dates and schemes that replace one another, which
is what makes models of fraud decay, so this makes its own: customers, honest payments that look
like fraud, and four schemes (a stolen card, card testing, account takeover, prepaid codes). Labels
come late, as they do: a fraud is reported after 12 days in the median, and some never is.

``python -m fraud.data DIRECTORY`` writes one Parquet file for each month of 30 days.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

DAYS, MONTH = 360, 30
START = pd.Timestamp("2024-01-01", tz="UTC")
"""A Monday."""
DAY = 86_400.0

CATEGORIES = np.array(
    ["grocery", "fuel", "restaurant", "electronics", "travel", "digital", "fashion", "other"]
)
CATEGORY_SHARES = np.array([0.30, 0.12, 0.18, 0.06, 0.04, 0.08, 0.12, 0.10])
CATEGORY_AMOUNTS = np.array([1.0, 1.3, 0.7, 3.0, 5.0, 0.4, 1.6, 1.0])
CATEGORY_ONLINE = np.array([0.1, 0.0, 0.1, 0.45, 0.6, 1.0, 0.45, 0.25])
ELECTRONICS, TRAVEL, DIGITAL, FASHION = 3, 4, 5, 6

FRAUD_RATE = 0.008
SCHEMES = ("stolen card", "card testing", "account takeover", "prepaid codes")
SCHEME_SHARES = np.array(
    [[0.75, 0.25, 0, 0]] * 4
    + [[0.55, 0.20, 0.25, 0], [0.30, 0.15, 0.55, 0], [0.15, 0.10, 0.75, 0], [0.10, 0.10, 0.80, 0]]
    + [[0.05, 0.05, 0.40, 0.50]]
    + [[0.05, 0.05, 0.30, 0.60]] * 3
)
"""By month: the first three come and go, the fourth begins at once."""

REPORTED_DAYS, REPORTED_SPREAD, REPORTED_AT_MOST, NEVER_REPORTED = 12.0, 0.7, 60.0, 0.08
CONFIRMED_DAYS = 45.0
"""After which a payment that nobody reported counts as honest."""
SETTLED_DAYS = 30.0
"""Younger payments are trained on only where they were reported."""

FEATURES = [
    "amount",
    "amount_ratio",
    "hour",
    "night",
    "weekday",
    "category",
    "online",
    "foreign",
    "distance",
    "new_device",
    "round_amount",
    "count_1h",
    "count_24h",
    "sum_24h",
    "days_since_last",
]
"""What is known of a payment when it is to be authorised."""

Shift = Literal["fraud", "none", "customers"]
"""What changes in the year: the schemes; nothing; the customers, while fraud stays as it is."""


@dataclass(frozen=True)
class Year:
    """One simulated year."""

    seed: int
    customers: int = 2000
    shift: Shift = "fraud"


def payments(year: Year) -> pd.DataFrame:
    """Return a year's payments in order of time.

    Columns: ``time`` (UTC), ``customer``, the ``FEATURES``, ``fraud`` (0 or 1), ``scheme`` ("" for
    honest ones) and ``known`` (UTC): when a fraud is reported, NaT where it never is.
    """
    random = np.random.default_rng(year.seed)
    people = _people(year, random)
    honest = _honest(people, random)
    rows = pd.concat([honest, *_fraud(year, people, honest, random)], ignore_index=True)
    rows = rows.sort_values("second", kind="stable", ignore_index=True)
    rows = _with_history(rows)
    rows["time"] = START + pd.to_timedelta(rows["second"], unit="s")
    late = REPORTED_DAYS * random.lognormal(0.0, REPORTED_SPREAD, len(rows))
    known = rows["time"] + pd.to_timedelta(np.minimum(late, REPORTED_AT_MOST), unit="D")
    is_told = (rows["fraud"] == 1) & (random.random(len(rows)) >= NEVER_REPORTED)
    rows["known"] = known.where(is_told)
    return rows[["time", "customer", *FEATURES, "fraud", "scheme", "known"]]


def training_rows(rows: pd.DataFrame, at: pd.Timestamp, days: float = 90.0) -> pd.DataFrame:
    """Return the payments of the last days that can be trained on, with the labels known by then.

    That is all that are older than ``SETTLED_DAYS``, and younger ones that were reported.
    """
    age = (at - rows["time"]) / pd.Timedelta(days=1)
    reported = (rows["known"] <= at).fillna(False)
    known = rows[(age > 0) & (age <= days) & ((age > SETTLED_DAYS) | reported)].copy()
    known["fraud"] = reported[known.index].astype("int64")
    return known


def month_of(rows: pd.DataFrame) -> pd.Series:
    """Return the number of the month, from 0, that each payment is in."""
    return ((rows["time"] - START) // pd.Timedelta(days=MONTH)).astype("int64")


def _people(year: Year, random: np.random.Generator) -> pd.DataFrame:
    """Return the customers: what they usually pay, how often a day, from which day to which."""
    number = year.customers
    people = pd.DataFrame(
        {
            "usual": np.clip(25.0 * random.lognormal(0.0, 0.5, number), 6.0, 200.0),
            "rate": random.gamma(2.0, 0.25, number),
            "joins": np.where(np.arange(number) < 0.8 * number, 0, random.integers(150, 210)),
            "leaves": DAYS,
        }
    )
    late = people["joins"] > 0
    people.loc[late, "joins"] = random.integers(150, 210, int(late.sum()))
    if year.shift != "customers":
        return people
    newer = people.assign(joins=180, usual=random.permutation(people["usual"]))
    newer.loc[random.random(number) < 0.55, "usual"] *= 0.25
    people["leaves"] = 180
    return pd.concat([people[people["joins"] < 180], newer], ignore_index=True)


def _honest(people: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    day = np.arange(DAYS)
    volume = 1.0 + 0.15 * np.sin(2 * np.pi * day / DAYS)
    volume *= np.where(day % 7 >= 5, 1.15, 1.0)
    volume *= np.where((day >= 330) & (day < 355), 1.5, 1.0)
    is_there = (people["joins"].to_numpy()[:, None] <= day) & (
        day < people["leaves"].to_numpy()[:, None]
    )
    counts = random.poisson(people["rate"].to_numpy()[:, None] * volume * is_there)
    customer = np.repeat(np.arange(len(people)), counts.sum(axis=1))
    days = np.concatenate([np.repeat(day, row) for row in counts])
    return _payment(people, customer, days, random)


def _payment(
    people: pd.DataFrame,
    customer: np.ndarray,
    day: np.ndarray,
    random: np.random.Generator,
) -> pd.DataFrame:
    """Return honest payments of customers on days, with what makes some of them look like fraud."""
    number, progress = len(customer), day / DAYS
    category = random.choice(len(CATEGORIES), number, p=CATEGORY_SHARES)
    online = random.random(number) < CATEGORY_ONLINE[category] * (1 + 0.3 * progress)
    amount = people["usual"].to_numpy()[customer] * CATEGORY_AMOUNTS[category]
    amount = amount * random.lognormal(0.0, 0.55, number) * (1 + 0.1 * progress)
    amount = amount * np.where(day >= 330, 1.2, 1.0)
    amount *= np.where(random.random(number) < 0.015, random.uniform(3, 9, number), 1.0)
    is_round = random.random(number) < np.where(category == DIGITAL, 0.15, 0.03)
    amount = np.where(is_round, np.maximum(25.0, 25.0 * np.round(amount / 25.0)), amount)
    trips = random.random(number) < 0.03
    distance = np.where(trips, random.uniform(20, 90, number), abs(random.normal(0, 4, number)))
    return pd.DataFrame(
        {
            "customer": customer,
            "second": day * DAY + _hours(number, random) * 3600,
            "category": category,
            "online": online,
            "amount": amount,
            "foreign": random.random(number) < np.where(online, 0.08, 0.01),
            "new_device": online & (random.random(number) < 0.05),
            "distance": np.where(online, 0.0, distance),
            "fraud": 0,
            "scheme": "",
        }
    )


def _hours(number: int, random: np.random.Generator) -> np.ndarray:
    evening = random.random(number) >= 0.65
    return np.where(evening, random.normal(20, 2.8, number), random.normal(13, 3.5, number)) % 24


def _fraud(
    year: Year, people: pd.DataFrame, honest: pd.DataFrame, random: np.random.Generator
) -> list[pd.DataFrame]:
    """Return the frauds of each scheme: its own ways, over what a payment of the victim is like."""
    volume = np.bincount((honest["second"] // DAY).astype(int), minlength=DAYS)
    months = np.arange(DAYS) // MONTH if year.shift == "fraud" else np.zeros(DAYS, int)
    makers = (_stolen_card, _card_testing, _takeover, _prepaid_codes)
    found = []
    for number, (name, make) in enumerate(zip(SCHEMES, makers, strict=True)):
        mean = FRAUD_RATE * volume * SCHEME_SHARES[months, number]
        is_burst = make is _card_testing
        day = np.repeat(np.arange(DAYS), random.poisson(mean / 4 if is_burst else mean))
        begins = np.zeros(len(day))
        customer = _victims(people, day, random)
        if is_burst:
            sizes = random.integers(2, 8, len(day))
            begins = np.repeat(_hours(len(day), random) * 3600, sizes)
            day, customer = np.repeat(day, sizes), np.repeat(customer, sizes)
        rows = _payment(people, customer, day, random)
        make(rows, _Victims(people["usual"].to_numpy()[customer], day, begins), random)
        found.append(rows.assign(fraud=1, scheme=name))
    return found


def _victims(people: pd.DataFrame, day: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return a customer for each day, out of those that are there then."""
    joins, leaves = people["joins"].to_numpy(), people["leaves"].to_numpy()
    there = {d: np.flatnonzero((joins <= d) & (d < leaves)) for d in np.unique(day)}
    chosen = (there[d][random.integers(len(there[d]))] for d in day)
    return np.fromiter(chosen, dtype=int, count=len(day))


@dataclass(frozen=True)
class _Victims:
    """Whom a scheme hits, and when; an entry a payment."""

    usual: np.ndarray
    """What the customer usually pays."""
    day: np.ndarray
    begins: np.ndarray
    """Seconds of the day at which a burst of card testing begins."""


def _stolen_card(rows: pd.DataFrame, at: _Victims, random: np.random.Generator) -> None:
    number = len(rows)
    rows["amount"] = at.usual * random.uniform(3, 12, number)
    rows["category"] = random.choice([ELECTRONICS, TRAVEL, FASHION], number, p=[0.5, 0.2, 0.3])
    at_night = random.random(number) < 0.6
    rows.loc[at_night, "second"] = (at.day * DAY + random.uniform(0, 5.5, number) * 3600)[at_night]
    rows["foreign"] = random.random(number) < 0.35
    rows["online"] = random.random(number) < 0.5
    rows["new_device"] = rows["online"] & (random.random(number) < 0.3)
    rows["distance"] = np.where(rows["online"], 0.0, random.uniform(5, 90, number))


def _card_testing(rows: pd.DataFrame, at: _Victims, random: np.random.Generator) -> None:
    number = len(rows)
    rows["second"] = at.day * DAY + at.begins + random.uniform(0, 1800, number)
    rows["amount"] = random.uniform(0.5, 8, number)
    _online(rows, DIGITAL)
    rows["foreign"] = random.random(number) < 0.3


def _takeover(rows: pd.DataFrame, at: _Victims, random: np.random.Generator) -> None:
    number = len(rows)
    _online(rows, random.choice([ELECTRONICS, DIGITAL, FASHION], number))
    factor = CATEGORY_AMOUNTS[rows["category"].to_numpy()]
    rows["amount"] = at.usual * factor * random.lognormal(0.1, 0.5, number)
    rows["second"] = at.day * DAY + (random.normal(14, 4, number) % 24) * 3600
    rows["new_device"] = random.random(number) < 0.75


def _prepaid_codes(rows: pd.DataFrame, at: _Victims, random: np.random.Generator) -> None:
    number = len(rows)
    _online(rows, DIGITAL)
    rows["amount"] = random.choice([25.0, 50.0, 100.0], number)
    rows["second"] = at.day * DAY + (random.normal(11, 3, number) % 24) * 3600
    rows["new_device"] = random.random(number) < 0.08


def _online(rows: pd.DataFrame, category: int | np.ndarray) -> None:
    rows["category"], rows["online"], rows["distance"] = category, True, 0.0


def _with_history(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the payments with what is known of their customers' earlier ones."""
    order = np.lexsort((rows["second"], rows["customer"]))
    customer, second = rows["customer"].to_numpy()[order], rows["second"].to_numpy()[order]
    amount = np.round(rows["amount"].to_numpy()[order], 2)
    here = np.arange(len(rows))
    key = customer * 1e9 + second  # beyond any time of the customer before
    first = np.searchsorted(key, customer * 1e9)
    paid = np.concatenate([[0.0], np.cumsum(amount)])

    def since(days: float) -> tuple[np.ndarray, np.ndarray]:
        """Return how many payments there were in the days before each, and their sum."""
        start = np.maximum(first, np.searchsorted(key, key - days * DAY))
        return here - start, paid[here] - paid[start]

    hourly, (daily, spent), (monthly, total) = since(1 / 24)[0], since(1.0), since(30.0)
    usual = np.where(monthly > 0, total / np.maximum(monthly, 1), amount)
    last = np.where(here > first, second - second[np.maximum(here - 1, 0)], 30 * DAY)
    hour = second % DAY / 3600
    made = {
        "amount": amount,
        "amount_ratio": np.round(amount / np.maximum(usual, 0.01), 3),
        "hour": np.round(hour, 2),
        "night": (hour < 6).astype("int64"),
        "weekday": (second // DAY % 7).astype("int64"),
        "round_amount": (amount % 25 == 0).astype("int64"),
        "count_1h": hourly,
        "count_24h": daily,
        "sum_24h": np.round(spent, 2),
        "days_since_last": np.round(np.minimum(last / DAY, 30.0), 3),
    }
    known = pd.DataFrame(made, index=order).sort_index()
    rows = rows.drop(columns=["amount"]).join(known)
    flags = ["online", "foreign", "new_device"]
    return rows.assign(
        category=CATEGORIES[rows["category"].to_numpy(dtype=int)],
        distance=rows["distance"].round(1),
        **{flag: rows[flag].astype("int64") for flag in flags},
    )


def write(rows: pd.DataFrame, directory: Path) -> list[Path]:
    """Write one file a month; return the paths."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for month, part in rows.groupby(month_of(rows)):
        paths.append(directory / f"month-{month:02d}.parquet")
        part.to_parquet(paths[-1], index=False)
    return paths


def main() -> None:
    """Write the months into the directory that the command line names."""
    for path in write(payments(Year(seed=7)), Path(sys.argv[1])):
        print(path)


if __name__ == "__main__":
    main()
