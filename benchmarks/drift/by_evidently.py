"""Evidently's default test of each column, in its own environment: a folder in, JSON out.

The test that its presets choose for a column of this size and kind, without their reports; or the
distances that are asked for.
"""

import json
import sys
import warnings
from pathlib import Path

import pandas as pd
from evidently.legacy.calculations.stattests import get_stattest
from evidently.legacy.core import ColumnType

OF_NUMBERS = ("wasserstein",)


def judged(folder: Path) -> dict[str, object]:
    """Return for each window the columns that drifted, or distances by column and name."""
    warnings.simplefilter("ignore")
    about = json.loads((folder / "about.json").read_text())
    reference = pd.read_parquet(folder / "reference.parquet").replace("", None)
    windows = pd.read_parquet(folder / "windows.parquet").replace("", None)
    alarms, distances = [], []
    for _, window in windows.groupby("window", sort=True):
        drifted, told = [], {}
        for name, kind in about["kinds"].items():
            before, now = reference[name].dropna(), window[name].dropna()
            of = ColumnType.Numerical if kind == "Numeric" else ColumnType.Categorical
            for test in about["distances"] or [None]:
                if test in OF_NUMBERS and kind != "Numeric":
                    continue
                found = get_stattest(before, now, of, test)
                result = found(before, now, of, None)
                if test is not None:
                    told.setdefault(name, {})[test] = float(result.drift_score)
                elif result.drifted:
                    drifted.append(name)
        alarms.append(drifted)
        distances.append(told)
    return {"alarms": alarms, "distances": distances}


if __name__ == "__main__":
    print(json.dumps([judged(Path(folder)) for folder in sys.argv[1:]]))
