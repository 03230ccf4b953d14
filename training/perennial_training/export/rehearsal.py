"""Fit, export and compare on a few rows, so that what cannot be exported costs no long fit."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from perennial_artifact.manifest import Column
from perennial_training.export import OnnxModel, to_onnx
from perennial_training.export.parity import compare
from perennial_training.failure import TrainingFailure
from perennial_training.fit.algorithms import Algorithm
from perennial_training.fit.fitting import fit_one
from perennial_training.fit.parameters import estimator, settled
from perennial_training.seed import SEED

ROWS = 300
ROWS_OF_A_CLASS = 3
SHORTER = {"n_estimators": 10, "max_iter": 10}
"""The most that a rehearsal takes of what makes a fit long and changes nothing else."""
DISAGREEING_ROWS = 0.1
"""Share of rows beyond which ONNX says something else, and not only a little less exactly."""


def rehearse(
    algorithm: Algorithm,
    parameters: dict[str, Any],
    inputs: pd.DataFrame,
    columns: Sequence[Column],
    target: pd.Series[Any],
) -> None:
    """Check that an algorithm with these parameters can be exported.

    What goes wrong in the fit itself proves nothing, as few rows are not all rows; except for
    parameters that cannot be.

    Raises:
        TrainingFailure: ParametersInvalid, ExportFailed or ParityFailed.
    """
    classes = list(np.unique(target.to_numpy())) if algorithm.task == "Classification" else []
    # As they were given, before they are made shorter.
    if "monotonic_cst" not in parameters:
        estimator(algorithm, settled(algorithm, parameters, classes))
    chosen = few(algorithm.task, target)
    rows, truth = inputs.iloc[chosen], target.iloc[chosen]
    shorter = {**algorithm.make().get_params(deep=False), **parameters}
    shorter = {
        name: most
        for name, most in SHORTER.items()
        if isinstance(shorter.get(name), int) and shorter[name] > most
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            fitted = fit_one(algorithm, {**parameters, **shorter}, rows, columns, truth)
            fitted.predict(rows)
        except TrainingFailure as failure:
            if failure.reason == "ParametersInvalid":
                raise
            return
        except Exception:
            return
    served = OnnxModel(to_onnx(fitted), list(fitted.classes_))
    found = compare(fitted, served, rows)
    if found.disagreeing > DISAGREEING_ROWS * found.rows:
        raise TrainingFailure(
            "ParityFailed",
            f"{algorithm.name} with these parameters has no ONNX form that answers as it does "
            f"(tried on {found.rows} rows before the fit): {found}; use other parameters or "
            "another algorithm",
        )


def few(task: str, target: pd.Series[Any]) -> Any:
    """Return positions of at most some hundred rows, of every class some."""
    rng = np.random.default_rng(SEED)
    order = rng.permutation(len(target))
    if task == "Regression":
        return np.sort(order[:ROWS])
    labels = pd.Series(target.to_numpy()[order])
    rank = labels.groupby(labels).cumcount().to_numpy()
    first = order[np.argsort(rank >= ROWS_OF_A_CLASS, kind="stable")]
    return np.sort(first[: max(ROWS, int((rank < ROWS_OF_A_CLASS).sum()))])
