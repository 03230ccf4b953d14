"""What a report counts of a log is what the operator counts of what pods tell of the same rows."""

import random
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest

from perennial.api.monitor import PerformanceMetric
from perennial.api.monitor.performance import KINDS
from perennial.plan.monitoring.measures import measure_of as of_windows
from perennial.plan.monitoring.report_job import metric_spec
from perennial_artifact.outcomes import Errors, Known, Outcomes, Rewards
from perennial_artifact.report import MetricKind
from perennial_artifact.scores import of_probability
from perennial_training.report.measures import measure_of as of_log
from perennial_training.report.predicted import predicted

MOMENT = "datetime64[us, UTC]"
ASKED: list[dict[str, Any]] = [
    {"accuracy": {"minimum": 0.9}},
    {"recall": {"minimum": 0.9}},
    {"recall": {"minimum": 0.9, "positiveClass": "no"}},
    {"precision": {"minimum": 0.9}},
    {"falsePositiveRate": {"maximum": 0.1}},
    {"meanReward": {"minimum": 0.1}},
    {"alertRate": {"maximum": 0.1}},
    {"alertRate": {"maximum": 0.1, "positiveClass": "no"}},
    {"alertRate": {"maximum": 0.1, "threshold": 0.7310585786300049}},
]


def rows(count: int = 500) -> list[dict[str, Any]]:
    """Return predictions of every sort: without a label, with one of no class, without a number."""
    rng = random.Random(5)
    return [
        {
            "p": rng.choice([rng.random(), rng.random(), float("nan")]),
            "label": rng.choice([None, "yes", "no", "no", "maybe"]),
            "reward": rng.choice([None, 0.0, 1.5]),
        }
        for _ in range(count)
    ]


def logged(found: list[dict[str, Any]]) -> pd.DataFrame:
    now = pd.Series([pd.Timestamp("2026-01-01", tz="UTC")] * len(found)).astype(MOMENT)
    return pd.DataFrame(
        {
            "time": now,
            "told": now,
            "label": [r["label"] for r in found],
            "reward": [np.nan if r["reward"] is None else r["reward"] for r in found],
            "output.probabilities": [[1 - r["p"], r["p"]] for r in found],
        }
    )


def counted(found: list[dict[str, Any]]) -> Outcomes:
    """Return the rows as a pod counts them."""
    given: dict[int, int] = {}
    labels: dict[str, dict[int, int]] = {}
    for r in found:
        byte = of_probability(r["p"])
        given[byte] = given.get(byte, 0) + 1
        if r["label"] is not None:
            of = labels.setdefault(r["label"], {})
            of[byte] = of.get(byte, 0) + 1
    paid = [r["reward"] for r in found if r["reward"] is not None]
    rewards = Rewards(len(paid), sum(paid), sum(v * v for v in paid))
    known = Known(age=60, labels=labels, rewards=rewards)
    return Outcomes(
        version="v", score="Probability", given=given, known=[known], classes=["no", "yes"]
    )


def of_the_log(asked: PerformanceMetric, frame: pd.DataFrame, classes: Any) -> list[float]:
    measure = of_log(metric_spec(asked))
    mask, values = measure.of(predicted(frame, classes))
    values = np.where(mask, values, 0).astype(float)
    squares = 0.0 if measure.is_share else float((values**2).sum())
    return [float(mask.sum()), float(values.sum()), squares]


def test_both_know_the_same_metrics() -> None:
    assert get_args(MetricKind) == KINDS


@pytest.mark.parametrize("asked", ASKED, ids=lambda a: str(a)[:40])
def test_both_count_the_same(asked: dict[str, Any]) -> None:
    metric = PerformanceMetric.model_validate({"name": "m", **asked})
    found = rows()
    told = counted(found)
    measure = of_windows(metric)
    given, known = measure.of_given(told), measure.of_known(told, told.known[0])
    theirs = [a + b for a, b in zip(given, known, strict=True)]
    assert theirs[0] > 50
    assert of_the_log(metric, logged(found), ("no", "yes")) == pytest.approx(theirs)


def test_a_log_loss_is_of_the_probability_itself() -> None:
    """As pods round a probability to a quarter of log odds, they agree to within that."""
    metric = PerformanceMetric.model_validate({"name": "m", "logLoss": {"maximum": 1}})
    found = [r for r in rows() if r["p"] == r["p"]]
    told = counted(found)
    theirs = of_windows(metric).of_known(told, told.known[0])
    ours = of_the_log(metric, logged(found), ("no", "yes"))
    assert ours[0] == theirs[0] and ours[1] == pytest.approx(theirs[1], rel=0.02)


def test_errors_of_numbers_are_the_same() -> None:
    metric = PerformanceMetric.model_validate({"name": "m", "rmse": {"maximum": 1}})
    rng = random.Random(2)
    pairs = [(rng.gauss(0, 1), rng.gauss(0, 1)) for _ in range(200)]
    now = pd.Series([pd.Timestamp("2026-01-01", tz="UTC")] * 200).astype(MOMENT)
    frame = pd.DataFrame(
        {
            "time": now,
            "told": now,
            "label": [repr(truth) for _, truth in pairs],
            "reward": np.nan,
            "output.prediction": [guess for guess, _ in pairs],
        }
    )
    errors = [guess - truth for guess, truth in pairs]
    known = Known(
        age=60,
        errors=Errors(
            200,
            sum(errors),
            sum(map(abs, errors)),
            sum(e**2 for e in errors),
            sum(e**4 for e in errors),
        ),
    )
    theirs = of_windows(metric).of_known(Outcomes(version="v", score="Number"), known)
    assert of_the_log(metric, frame, ()) == pytest.approx(theirs)
