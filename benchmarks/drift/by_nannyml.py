"""NannyML's default univariate drift of each column, in its own environment: JSON out.

Or the distances that are asked for.
"""

import json
import os
import sys
import warnings
from pathlib import Path

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"

import nannyml
import pandas as pd

NUMERIC = ("jensen_shannon", "kolmogorov_smirnov", "wasserstein")
CATEGORICAL = ("jensen_shannon", "chi2")


def judged(folder: Path) -> dict[str, object]:
    """Return for each window the columns that drifted, or distances by column and name."""
    warnings.simplefilter("ignore")
    about = json.loads((folder / "about.json").read_text())
    reference = pd.read_parquet(folder / "reference.parquet").replace("", None)
    windows = pd.read_parquet(folder / "windows.parquet").replace("", None)
    kinds, asked = about["kinds"], about["distances"]
    names, count = list(kinds), windows["window"].nunique()
    of = {
        "Numeric": [m for m in NUMERIC if m in asked] or ["jensen_shannon"],
        "Categorical": [m for m in CATEGORICAL if m in asked] or ["jensen_shannon"],
    }
    calculator = nannyml.UnivariateDriftCalculator(
        column_names=names,
        treat_as_categorical=[n for n in names if kinds[n] == "Categorical"],
        chunk_size=len(windows) // count,
        continuous_methods=of["Numeric"],
        categorical_methods=of["Categorical"],
    )
    calculator.fit(reference[names])
    frame = calculator.calculate(windows[names]).filter(period="analysis").to_df()
    alarms: list[list[str]] = [[] for _ in range(count)]
    distances: list[dict[str, dict[str, float]]] = [{} for _ in range(count)]
    for name in names:
        for method in of[kinds[name]]:
            told = frame[name, method]
            for number in range(count):
                if bool(told["alert"].iloc[number]):
                    alarms[number].append(name)
                distances[number].setdefault(name, {})[method] = float(told["value"].iloc[number])
    return {"alarms": alarms, "distances": distances if asked else []}


if __name__ == "__main__":
    print(json.dumps([judged(Path(folder)) for folder in sys.argv[1:]]))
