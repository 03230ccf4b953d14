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


def test_codes_of_many_digits_are_values_of_their_own() -> None:
    """At six digits 1234567 and 1234568 are both 1.23457e+06, and were one slice."""
    rng = np.random.default_rng(3)
    frame = logged(3_000, 1, rng, "phone")
    codes = {kind: 1_234_567 + n for n, kind in enumerate(KINDS)}
    frame["input.kind"] = [float(codes[kind]) for kind in frame["input.kind"]]
    assert found(frame, ACCURACY) == [str(codes["phone"])]


def test_ranges_of_postal_codes_are_told_apart() -> None:
    """At four digits three of five of them were called 1.012e+04 to 1.012e+04."""
    rng = np.random.default_rng(4)
    frame = logged(3_000, 1, rng, "web")
    others = rng.integers(10_115, 10_130, len(frame))
    frame["input.kind"] = np.where(frame["input.kind"] == "web", 10_119, others)
    assert found(frame, ACCURACY) == ["10119 to 10121"]


def test_infinite_values_are_a_range_of_their_own() -> None:
    """Between two of them lies no number: the edge was none, and they were among others."""
    rng = np.random.default_rng(5)
    frame = logged(3_000, 1, rng, "web")
    values = rng.normal(size=len(frame))
    frame["input.kind"] = np.where(frame["input.kind"] == "web", np.inf, values)
    assert found(frame, ACCURACY) == ["from inf on"]
