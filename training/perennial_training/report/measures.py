"""Metrics of performance row by row: the same that the operator counts of what pods tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial_artifact.report import MetricSpec
from perennial_artifact.scores import EDGES
from perennial_statistics.numbers import in_percent
from perennial_training.report.predicted import Predicted

RAREST = EDGES[0]
"""A label is taken for no rarer than this in a log loss, so that none counts more than 10."""
Rows = tuple[NDArray[Any], NDArray[Any]]
"""Which rows count, and the value of each: 1 for an event, or a number."""


@dataclass(frozen=True)
class Measure:
    """A metric, bound to a model's predictions."""

    asked: MetricSpec
    rows: Callable[[Predicted, int], Rows]
    """Of predictions, and the place of the class that is meant."""
    noun: str
    is_share: bool = True
    counts_wrong: bool = False
    matures: bool = True
    is_root: bool = False

    def score(self, mean: float) -> float:
        """Return the metric as people know it, of the mean that is counted."""
        if self.is_root:
            return float(np.sqrt(max(0.0, mean)))
        return 1 - mean if self.counts_wrong else mean

    def shown(self, score: float) -> str:
        """Return a score for people."""
        return in_percent(score) if self.is_share else f"{score:.4g}"

    @property
    def limits(self) -> list[tuple[str, float]]:
        """The limits that are asked for, in words and numbers."""
        low, high = self.asked.minimum, self.asked.maximum
        found = [("at least", low)] if low is not None else []
        return found + ([("at most", high)] if high is not None else [])

    def is_worse(self, score: float, than: float) -> bool:
        """Tell whether a score is worse than another, by which limit is asked for."""
        return score < than if self.asked.minimum is not None else score > than

    def lacks(self, found: Predicted) -> str:
        """Return what the log or the model lacks for it, '' where nothing."""
        kind, named = self.asked.kind, self.asked.positive_class
        if kind == "meanReward":
            return ""
        if kind == "rmse":
            return "the model answers with classes, which have no rmse" if found.classes else ""
        if not found.classes:
            return f"the model answers with no class, so it has no {self.noun}"
        if len(found) and (found.predicted < 0).all():
            return "the log has no answers of the model: they are logged as outputs"
        if kind == "logLoss" and found.probability is None:
            return "the log has no probabilities of two classes, so no loss is known"
        if self.asked.threshold is not None and found.probability is None:
            return "the log has no probabilities of two classes, so nothing is above a threshold"
        if kind not in ("accuracy", "logLoss") and positive_of(self.asked, found.classes) is None:
            classes = ", ".join(found.classes[:5])
            return f"the model has no class {named}" if named else f"which class of {classes}?"
        text = set(found.label_text[found.labelled][:100_000])
        if kind != "alertRate" and text and (found.label < 0).all():
            return (
                f"no label is one of the classes ({', '.join(found.classes[:5])}); they are "
                f"{', '.join(sorted(text)[:5])}"
            )
        return ""

    def of(self, found: Predicted) -> Rows:
        """Return which rows count, and the value of each."""
        positive = positive_of(self.asked, found.classes)
        return self.rows(found, positive if positive is not None else -2)


def positive_of(asked: MetricSpec, classes: tuple[str, ...]) -> int | None:
    """Return the place of the class that is meant: the named one, else the second of two."""
    if asked.positive_class is not None:
        return classes.index(asked.positive_class) if asked.positive_class in classes else None
    return 1 if len(classes) == 2 else None


def _accuracy(p: Predicted, positive: int) -> Rows:
    return p.labelled, (p.predicted != p.label) | (p.label < 0)


def _recall(p: Predicted, positive: int) -> Rows:
    return p.label == positive, p.predicted != positive


def _precision(p: Predicted, positive: int) -> Rows:
    return p.labelled & (p.predicted == positive), p.label != positive


def _false_positives(p: Predicted, positive: int) -> Rows:
    return p.labelled & (p.label != positive), p.predicted == positive


def _log_loss(p: Predicted, positive: int) -> Rows:
    assert p.probability is not None
    right = np.where(p.label == 1, p.probability, 1 - p.probability)
    right = np.clip(np.nan_to_num(right, nan=RAREST), RAREST, 1 - RAREST)
    return p.label >= 0, -np.log(right)


def _squared_error(p: Predicted, positive: int) -> Rows:
    error = p.numbers - p.label_number
    return np.isfinite(error), np.nan_to_num(error, posinf=0, neginf=0) ** 2


def _reward(p: Predicted, positive: int) -> Rows:
    return np.isfinite(p.reward), np.nan_to_num(p.reward)


def _alerts(threshold: float | None) -> Callable[[Predicted, int], Rows]:
    def alerts(p: Predicted, positive: int) -> Rows:
        every = np.ones(len(p), dtype=bool)
        if threshold is None:
            return every, p.predicted == positive
        assert p.probability is not None
        return every, np.nan_to_num(p.probability, nan=-1.0) >= threshold

    return alerts


def measure_of(asked: MetricSpec) -> Measure:
    """Return how a metric is counted."""
    match asked.kind:
        case "accuracy":
            return Measure(asked, _accuracy, "accuracy", counts_wrong=True)
        case "recall":
            return Measure(asked, _recall, "recall", counts_wrong=True)
        case "precision":
            return Measure(asked, _precision, "precision", counts_wrong=True)
        case "falsePositiveRate":
            return Measure(asked, _false_positives, "false-positive rate")
        case "logLoss":
            return Measure(asked, _log_loss, "log loss", is_share=False)
        case "rmse":
            noun = "root mean squared error"
            return Measure(asked, _squared_error, noun, is_share=False, is_root=True)
        case "meanReward":
            return Measure(asked, _reward, "mean reward", is_share=False)
        case "alertRate":
            return Measure(asked, _alerts(asked.threshold), "alert rate", matures=False)
