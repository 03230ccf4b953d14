"""Evidently's default test of each column, in its own environment: a folder in, JSON out.

The test that its presets choose for a column of this size and kind, without their reports.
"""

import json
import sys
import warnings
from pathlib import Path

import pandas as pd
from evidently.legacy.calculations.stattests import get_stattest
from evidently.legacy.core import ColumnType


def judged(folder: Path) -> dict[str, object]:
    """Return for each window the columns that drifted, and each column's score in the first one."""
    warnings.simplefilter("ignore")
    kinds = json.loads((folder / "kinds.json").read_text())
    types = {name: str for name, kind in kinds.items() if kind == "Categorical"}
    read = {"dtype": types, "keep_default_na": False, "na_values": {n: [""] for n in kinds}}
    reference = pd.read_csv(folder / "reference.csv", **read)
    windows = pd.read_csv(folder / "windows.csv", **read)
    alarms, scores = [], {}
    for number, window in windows.groupby("window", sort=True):
        found = []
        for name, kind in kinds.items():
            before, now = reference[name].dropna(), window[name].dropna()
            of = ColumnType.Numerical if kind == "Numeric" else ColumnType.Categorical
            test = get_stattest(before, now, of, None)
            result = test(before, now, of, None)
            if result.drifted:
                found.append(name)
            if number == 0:
                scores[name] = [test.display_name, float(result.drift_score)]
        alarms.append(found)
    return {"alarms": alarms, "scores": scores}


if __name__ == "__main__":
    print(json.dumps([judged(Path(folder)) for folder in sys.argv[1:]]))
