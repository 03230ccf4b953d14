"""How each metric of performance is counted, cohort by cohort, and held against its limit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from perennial.api.monitor import AlertRate, PerformanceMetric
from perennial.plan.outcomes import means, shares
from perennial.plan.outcomes.labels import tells_classes, untold
from perennial.plan.outcomes.means import KnownMean
from perennial.plan.outcomes.shares import (
    LabelledShare,
    class_asked,
    lacks_class,
    lacks_classes,
)
from perennial_artifact.outcomes import Known, Outcomes
from perennial_artifact.scores import EDGES, class_of
from perennial_statistics.limits import AgainstLimit
from perennial_statistics.means import Moments
from perennial_statistics.numbers import in_percent
from perennial_statistics.one_mean import OneMean
from perennial_statistics.verdict import Verdict

SIZE = 3
"""Numbers that a metric keeps of a cohort."""
Counts = tuple[float, float, float]
"""Rows and events, or rows, the sum of their values and that of their squares."""
NOTHING: Counts = (0.0, 0.0, 0.0)


def in_number(value: float) -> str:
    """Return a number for people, four digits of it."""
    return f"{value:.4g}"


@dataclass(frozen=True)
class Bound:
    """A limit, with what the cohorts say of it; value, low and high are as people know them."""

    words: str
    """At least 50%."""
    verdict: Verdict
    is_within: bool
    """The value keeps it, whatever chance may have done."""


class Measure(Protocol):
    """A metric with its limits."""

    @property
    def noun(self) -> str:
        """What it is called, for people."""

    @property
    def unit(self) -> str:
        """What its rows are."""

    @property
    def shown(self) -> Callable[[float], str]:
        """What writes its numbers for people."""

    @property
    def matures(self) -> bool:
        """Tell whether it waits for what becomes known of predictions."""

    def lacks(self, whose: str, outcomes: Outcomes | None) -> str:
        """Return what outcomes lack to be counted, and what to do; '' where they lack nothing."""

    def of_given(self, outcomes: Outcomes) -> Counts:
        """Return what is counted of predictions when they are made."""

    def of_known(self, outcomes: Outcomes, known: Known) -> Counts:
        """Return what is counted of what became known."""

    def bounds(self, cohorts: Sequence[Counts], phi: float, alpha: float) -> list[Bound]:
        """Hold the cohorts of a window against the limits.

        Args:
            cohorts: the oldest first.
            phi: by how much events come in bursts, from cohorts before; 1 for not at all.
            alpha: chance of a false alarm.
        """


@dataclass(frozen=True)
class _Share:
    """A share of labels, by its complement where it should be high."""

    share: LabelledShare
    named: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    unit: str = "label"
    shown: Callable[[float], str] = in_percent
    matures: bool = True

    @property
    def noun(self) -> str:
        return self.share.noun

    def lacks(self, whose: str, outcomes: Outcomes | None) -> str:
        return self.share.lacks(whose, outcomes, self.named)

    def of_given(self, outcomes: Outcomes) -> Counts:
        return NOTHING

    def of_known(self, outcomes: Outcomes, known: Known) -> Counts:
        rows, wrong = self.share.counted(outcomes, known, self.named) or (0.0, 0.0)
        return rows, wrong, 0.0

    def bounds(self, cohorts: Sequence[Counts], phi: float, alpha: float) -> list[Bound]:
        if self.minimum is None:
            assert self.maximum is not None
            return [_at_most(cohorts, self.maximum, phi, alpha)]
        # What is counted are the wrong ones: 95 % accuracy is 5 % of them.
        return [_at_least(cohorts, self.minimum, phi, alpha, counts_wrong=True)]


@dataclass(frozen=True)
class _Alerts:
    """The share of the predictions that are alerts."""

    asked: AlertRate
    noun: str = "alert rate"
    unit: str = "prediction"
    shown: Callable[[float], str] = in_percent
    matures: bool = False

    def lacks(self, whose: str, outcomes: Outcomes | None) -> str:
        if outcomes is None:
            return untold(whose)
        if why := lacks_classes(whose, outcomes, self.noun):
            return why
        if self.asked.threshold is None:
            return lacks_class(whose, outcomes, self.asked.positive_class)
        if outcomes.score != "Probability":
            return (
                f"the model of {whose} gives no probabilities of two classes, so nothing is above "
                "a threshold: name a class in positiveClass instead"
            )
        return ""

    def of_given(self, outcomes: Outcomes) -> Counts:
        is_alert = self._is_alert(outcomes)
        rows = float(sum(outcomes.given.values()))
        alerts = float(sum(n for byte, n in outcomes.given.items() if is_alert(byte)))
        return rows, alerts, 0.0

    def of_known(self, outcomes: Outcomes, known: Known) -> Counts:
        return NOTHING

    def bounds(self, cohorts: Sequence[Counts], phi: float, alpha: float) -> list[Bound]:
        low, high = self.asked.minimum, self.asked.maximum
        alpha /= (low is not None) + (high is not None)
        found = [_at_least(cohorts, low, phi, alpha, counts_wrong=False)] if low is not None else []
        return found + ([_at_most(cohorts, high, phi, alpha)] if high is not None else [])

    def _is_alert(self, outcomes: Outcomes) -> Callable[[int], bool]:
        positive = class_asked(outcomes, self.asked.positive_class)
        if not tells_classes(outcomes) or (positive is None and self.asked.threshold is None):
            return lambda byte: False
        if outcomes.score == "Class":
            index, classes = outcomes.classes.index(str(positive)), len(outcomes.classes)
            return lambda byte: byte > 0 and class_of(byte, classes) == index
        first = first_alert(self.asked.threshold)
        last = len(EDGES) + 1
        if positive is not None and positive == outcomes.classes[0]:
            return lambda byte: 0 < byte < first
        return lambda byte: first <= byte <= last


def first_alert(threshold: float | None) -> int:
    """Return the byte of the lowest probability that is an alert: of the edge next to it."""
    wanted = 0.5 if threshold is None else threshold
    nearest = min(range(len(EDGES)), key=lambda i: abs(EDGES[i] - wanted))
    return nearest + 2


@dataclass(frozen=True)
class _Mean:
    """A mean of what became known."""

    mean: KnownMean
    minimum: float | None = None
    maximum: float | None = None
    shown: Callable[[float], str] = in_number
    matures: bool = True

    @property
    def noun(self) -> str:
        return self.mean.noun

    @property
    def unit(self) -> str:
        return self.mean.unit

    def lacks(self, whose: str, outcomes: Outcomes | None) -> str:
        return self.mean.lacks(whose, outcomes)

    def of_given(self, outcomes: Outcomes) -> Counts:
        return NOTHING

    def of_known(self, outcomes: Outcomes, known: Known) -> Counts:
        found = self.mean.moments(outcomes, known)
        return found.rows, found.total, found.squares

    def bounds(self, cohorts: Sequence[Counts], phi: float, alpha: float) -> list[Bound]:
        is_lowest = self.minimum is not None
        limit = self.minimum if self.minimum is not None else self.maximum
        assert limit is not None
        test, planned = OneMean(), sum(rows for rows, _, _ in cohorts)
        for counts in cohorts:
            test = test.after(Moments(*counts), planned, self.mean.burn_in)
        found = test.verdict(self.mean.counted_as(limit), alpha, higher_is_better=is_lowest)
        value, low, high = (
            None if number is None else self.mean.known_as(number)
            for number in (found.value, found.low, found.high)
        )
        words = f"at {'least' if is_lowest else 'most'} {in_number(limit)}"
        within = value is not None and (value >= limit if is_lowest else value <= limit)
        told = _with_numbers(found, value, low, high)
        return [Bound(words, told, within)]


def _with_numbers(
    found: Verdict, value: float | None, low: float | None, high: float | None
) -> Verdict:
    return Verdict(
        found.outcome,
        "",
        found.requests,
        value,
        found.reference,
        found.suspected,
        found.p,
        low,
        high,
    )


def _at_most(cohorts: Sequence[Counts], limit: float, phi: float, alpha: float) -> Bound:
    test = AgainstLimit.begin(reserve=0)
    for rows, events, _ in cohorts:
        test = test.after(rows, events, events, limit, phi, reserve=0)
    found = test.verdict("", limit, alpha)
    within = found.value is not None and found.value <= limit
    return Bound(f"at most {in_percent(limit)}", found, within)


def _at_least(
    cohorts: Sequence[Counts], limit: float, phi: float, alpha: float, counts_wrong: bool
) -> Bound:
    if not counts_wrong:
        cohorts = [(rows, rows - events, 0.0) for rows, events, _ in cohorts]
    found = _at_most(cohorts, 1 - limit, phi, alpha).verdict
    value, low, high = (None if n is None else 1 - n for n in (found.value, found.high, found.low))
    within = value is not None and value >= limit
    told = _with_numbers(found, value, low, high)
    return Bound(f"at least {in_percent(limit)}", told, within)


def measure_of(asked: PerformanceMetric) -> Measure:
    """Return how a metric of the spec is counted and judged."""
    if asked.accuracy is not None:
        return _Share(shares.ACCURACY, minimum=asked.accuracy.minimum)
    if asked.recall is not None:
        return _Share(shares.RECALL, asked.recall.positive_class, minimum=asked.recall.minimum)
    if asked.precision is not None:
        named = asked.precision.positive_class
        return _Share(shares.PRECISION, named, minimum=asked.precision.minimum)
    if asked.false_positive_rate is not None:
        named = asked.false_positive_rate.positive_class
        return _Share(shares.FALSE_POSITIVES, named, maximum=asked.false_positive_rate.maximum)
    if asked.log_loss is not None:
        return _Mean(means.LOG_LOSS, maximum=asked.log_loss.maximum)
    if asked.rmse is not None:
        return _Mean(means.RMSE, maximum=asked.rmse.maximum)
    if asked.mean_reward is not None:
        return _Mean(means.REWARD, minimum=asked.mean_reward.minimum)
    assert asked.alert_rate is not None, f"{asked.name} asks nothing"
    return _Alerts(asked.alert_rate)
