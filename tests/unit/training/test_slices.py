"""Slices of a log: found where a model is worse, and not where rows of a session are alike."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from perennial_artifact.report import MetricSpec
from perennial_training.report.measures import measure_of
from perennial_training.report.predicted import predicted
from perennial_training.report.slices import CHANCE, slices

KINDS = ("app", "web", "shop", "phone")


def logged(
    sessions: int, length: int, rng: np.random.Generator, worse: str = "", trend: float = 0.0
) -> pd.DataFrame:
    """Return sessions of so many rows, all of one kind of client, and right or wrong together.

    Three in ten are wrong; of the kind that is worse half of them, and more by the trend at last.
    """
    kind = rng.choice(KINDS, sessions, p=[0.4, 0.3, 0.2, 0.1])
    wrong = np.where(kind == worse, 0.5, 0.3) + trend * np.arange(sessions) / sessions
    error = rng.random(sessions) < wrong
    at = np.repeat(np.arange(sessions), length)
    times = pd.to_datetime(np.arange(len(at)), unit="s", utc=True).astype("datetime64[us, UTC]")
    truth = np.where(rng.random(sessions) < 0.5, "yes", "no")[at]
    said = np.where(error[at], np.where(truth == "yes", "no", "yes"), truth)
    return pd.DataFrame(
        {
            "time": times,
            "told": times,
            "label": truth,
            "reward": rng.normal(np.where(error, 0.0, 1.0), 0.1)[at],
            "input.kind": kind[at],
            "output.probabilities": [[0.1, 0.9] if s == "yes" else [0.9, 0.1] for s in said],
        }
    )


def found(frame: pd.DataFrame, asked: dict[str, Any]) -> list[str]:
    measure = measure_of(MetricSpec.from_plain({"name": "m", **asked}))
    of_model = predicted(frame, ("no", "yes"))
    worse = slices(frame, of_model, ["kind"], [measure])
    return [s.value for s in worse if s.p <= CHANCE]


ACCURACY = {"kind": "accuracy", "minimum": 0.6}
REWARD = {"kind": "meanReward", "minimum": 0.5}


@pytest.mark.parametrize("asked", [ACCURACY, REWARD], ids=["share", "mean"])
@pytest.mark.parametrize("length", [1, 5, 20])
def test_sessions_of_rows_that_are_alike_are_seldom_called_worse(
    length: int, asked: dict[str, Any]
) -> None:
    """Of 60 clean logs; where rows were taken for independent 34 to 53 of them."""
    rng = np.random.default_rng(length)
    alarms = sum(bool(found(logged(6_000 // length, length, rng), asked)) for _ in range(60))
    assert alarms <= 12


@pytest.mark.parametrize("asked", [ACCURACY, REWARD], ids=["share", "mean"])
@pytest.mark.parametrize(("length", "trend"), [(1, 0.0), (5, 0.0), (1, 0.3)])
def test_a_slice_that_is_worse_is_found(length: int, trend: float, asked: dict[str, Any]) -> None:
    rng = np.random.default_rng(3)
    assert found(logged(6_000 // length, length, rng, "phone", trend), asked) == ["phone"]
