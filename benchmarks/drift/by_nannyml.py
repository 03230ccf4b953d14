"""NannyML's default univariate drift of each column, in its own environment: JSON out."""

import json
import os
import sys
import warnings
from pathlib import Path

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"

import nannyml
import pandas as pd


def judged(folder: Path) -> dict[str, object]:
    """Return for each window the columns that drifted, and each column's score in the first one."""
    warnings.simplefilter("ignore")
    kinds = json.loads((folder / "kinds.json").read_text())
    types = {name: str for name, kind in kinds.items() if kind == "Categorical"}
    read = {"dtype": types, "keep_default_na": False, "na_values": {n: [""] for n in kinds}}
    reference = pd.read_csv(folder / "reference.csv", **read)
    windows = pd.read_csv(folder / "windows.csv", **read)
    rows = int((windows["window"] == 0).sum())
    names = list(kinds)
    calculator = nannyml.UnivariateDriftCalculator(
        column_names=names,
        treat_as_categorical=[n for n in names if kinds[n] == "Categorical"],
        chunk_size=rows,
    )
    calculator.fit(reference[names])
    frame = calculator.calculate(windows[names]).filter(period="analysis").to_df()
    alarms: list[list[str]] = [[] for _ in range(windows["window"].nunique())]
    scores = {}
    for name in names:
        method = "jensen_shannon"
        for number, is_alarm in enumerate(frame[(name, method, "alert")]):
            if bool(is_alarm):
                alarms[number].append(name)
        scores[name] = [method, float(frame[(name, method, "value")].iloc[0])]
    return {"alarms": alarms, "scores": scores}


if __name__ == "__main__":
    print(json.dumps([judged(Path(folder)) for folder in sys.argv[1:]]))
