"""NannyML's performance before labels come, in its own environment: a folder in, JSON out."""

import json
import os
import sys
import warnings
from pathlib import Path

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"

import nannyml
import pandas as pd
from nannyml.calibration import NoopCalibrator

METRICS = ["accuracy", "precision", "recall", "f1", "roc_auc"]


def estimated(folder: Path, calibrates: bool) -> dict[str, float]:
    """Return what is expected of each metric in the window; NannyML may calibrate scores first."""
    warnings.simplefilter("ignore")
    reference = pd.read_parquet(folder / "reference.parquet")
    window = pd.read_parquet(folder / "window.parquet")
    estimator = nannyml.CBPE(
        y_pred_proba="score",
        y_pred="predicted",
        y_true="label",
        problem_type="classification_binary",
        metrics=METRICS,
        chunk_size=len(window),
        calibrator=None if calibrates else NoopCalibrator(),
    )
    estimator.fit(reference)
    frame = estimator.estimate(window).filter(period="analysis").to_df()
    return {metric: float(frame[metric, "value"].iloc[0]) for metric in METRICS}


if __name__ == "__main__":
    print(json.dumps(estimated(Path(sys.argv[1]), sys.argv[2] == "calibrate")))
