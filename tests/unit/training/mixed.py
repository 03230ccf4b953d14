"""A small table with columns of every kind and gaps in all, and what can be learned from it."""

from typing import Any

import numpy as np
import onnx
import pandas as pd

from perennial_artifact.manifest import Column
from perennial_artifact.result import CandidateSpec
from perennial_training.candidate import fit
from perennial_training.export import OnnxModel, to_onnx
from perennial_training.export.parity import Parity, compare
from perennial_training.fit.fitted import Fitted

ROWS = 240


def mixed(categories: int = 1, rows: int = ROWS) -> tuple[pd.DataFrame, list[Column]]:
    """Return inputs and columns: two numbers, a boolean, a time, and so many of categories."""
    rng = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "amount": rng.normal(50_000, 9_000, rows).astype(np.float32).astype(float),
            "one decimal": np.round(rng.normal(size=rows), 1),
            "member": rng.integers(0, 2, rows).astype(float),
            "at": rng.uniform(-1e9, 2e9, rows),
        }
    )
    kinds: list[Any] = ["Number", "Number", "Boolean", "Time"]
    for i in range(categories):
        frame[f"word {i}"] = rng.choice(["", "red", "dark blue", "größe"], rows).astype(object)
        kinds.append("Category")
    for i, name in enumerate(["amount", "one decimal", "member", "at"]):
        frame.loc[i :: 9 + i, name] = np.nan
    columns = [Column(name=str(n), kind=k) for n, k in zip(frame, kinds, strict=True)]
    return frame, columns


def score(frame: pd.DataFrame) -> "pd.Series[Any]":
    """Return a number for each row that depends on most of its columns."""
    rng = np.random.default_rng(8)
    amount = (frame["amount"].fillna(50_000) - 50_000) / 9_000
    score = amount - frame["one decimal"].fillna(0) + frame["member"].fillna(0)
    if "word 0" in frame:
        score = score + (frame["word 0"] == "red")
    return score + rng.normal(size=len(frame)) / 3


def classes(frame: pd.DataFrame, labels: list[Any]) -> "pd.Series[Any]":
    """Return labels of equal shares of the rows, in the order of their score."""
    ranks = score(frame).rank(method="first").to_numpy() - 1
    return pd.Series(np.array(labels)[(ranks * len(labels) // len(frame)).astype(int)])


def prices(frame: pd.DataFrame) -> "pd.Series[Any]":
    """Return positive numbers with a long tail."""
    return pd.Series(np.exp(score(frame) / 2) * 4_000)


def candidate(algorithm: str, **more: Any) -> CandidateSpec:
    return CandidateSpec.from_plain({"name": "a", "algorithm": algorithm, **more})


def accuracy(model: Any, inputs: pd.DataFrame, target: "pd.Series[Any]") -> float:
    return float((model.predict(inputs).astype(str) == target.to_numpy().astype(str)).mean())


def fitted(
    algorithm: str,
    inputs: pd.DataFrame,
    columns: list[Column],
    target: "pd.Series[Any]",
    task: str = "Classification",
    **parameters: Any,
) -> Fitted:
    spec = candidate(algorithm, parameters=parameters)
    return fit(task, spec, accuracy, inputs, columns, target)[0]


def exported(model: Fitted) -> OnnxModel:
    content = to_onnx(model)
    onnx.checker.check_model(content, full_check=True)
    return OnnxModel(content, list(model.classes_))


def parity(model: Fitted, inputs: pd.DataFrame) -> Parity:
    return compare(model, exported(model), inputs)
