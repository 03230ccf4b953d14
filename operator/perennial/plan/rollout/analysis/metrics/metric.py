"""What every kind of metric says of itself.

Those of requests are counted by the second, as pods answer them. Those of a part that pods count in
wider buckets are looked at seldom, and each carries on its evidence in its own form.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from perennial.api.common import ApiModel
from perennial.api.deployment import AnalysisMetric, MetricStatus
from perennial.plan.rollout.analysis.counts import Counts
from perennial.plan.rollout.analysis.outcomes import OutcomeLook
from perennial_statistics.limits import AgainstLimit
from perennial_statistics.numbers import in_percent
from perennial_statistics.proportions import Counted
from perennial_statistics.verdict import Verdict


def in_number(value: float) -> str:
    """Return a number for people, four digits of it."""
    return f"{value:.4g}"


def have_enough(canary: float, stable: float, fewest: float, compares: bool) -> bool:
    """Tell whether what is judged has as many: the canary, and stable where both are compared."""
    return canary >= fewest and (not compares or stable >= fewest)


@dataclass(frozen=True)
class Words:
    """How a metric is told: false-positive rate 7.1% after 1,840 labels."""

    noun: str
    unit: str = "request"
    shown: Callable[[float], str] = in_percent


class Metric(Protocol):
    """Any kind of metric."""

    def limit_of(self, asked: AnalysisMetric) -> ApiModel | None:
        """Return what is asked of it, None where another kind is asked."""

    def compares(self, asked: AnalysisMetric) -> bool:
        """Tell whether the canary is held against stable, rather than against a limit."""

    def words(self, asked: AnalysisMetric) -> Words:
        """Return how it is told."""


class OutcomeMetric(Metric, Protocol):
    """A kind that is judged by what became known of predictions."""

    def enough(self, asked: AnalysisMetric, look: OutcomeLook) -> bool:
        """Tell whether a look has enough of both arms to be one."""

    def obstacle(self, asked: AnalysisMetric, look: OutcomeLook) -> str:
        """Return what keeps it from being judged, and what to do; '' where nothing does."""

    def begin(
        self, asked: AnalysisMetric, known: MetricStatus, before: OutcomeLook | None
    ) -> MetricStatus:
        """Return what is known at the first look.

        Args:
            asked: of the canary.
            known: of it.
            before: what became known of stable's predictions until then, where it was asked for.
        """

    def after(self, asked: AnalysisMetric, known: MetricStatus, look: OutcomeLook) -> MetricStatus:
        """Return what is known after one more look.

        Raises:
            ValueError: what was carried on is something else; begin anew.
        """

    def verdict(self, asked: AnalysisMetric, known: MetricStatus) -> Verdict:
        """Return what it says by now, of evidence that was begun.

        Raises:
            ValueError: what was carried on is something else; begin anew.
        """


class RequestMetric(Metric, Protocol):
    """A kind of which each request is, or is not: counted, and held against a limit or stable."""

    def bounds(self, asked: AnalysisMetric, known: MetricStatus) -> list[float]:
        """Return the bounds of latency that it needs counted, in seconds."""

    def with_bounds(
        self, asked: AnalysisMetric, known: MetricStatus, bounds: Sequence[float], stable: Counts
    ) -> MetricStatus:
        """Return what is known with the bounds that it counts at, chosen once.

        Args:
            asked: of the canary.
            known: of it.
            bounds: all bounds that the pods count at, in seconds.
            stable: all that stable counted, at these bounds.
        """

    def is_waiting(self, known: MetricStatus) -> bool:
        """Tell whether it cannot be counted yet."""

    def counted(
        self, asked: AnalysisMetric, known: MetricStatus, arm: Counts, bounds: Sequence[float]
    ) -> Counted:
        """Return the requests of an arm, and how many of them are what the metric asks about."""

    def margins(self, asked: AnalysisMetric, known: MetricStatus) -> Sequence[float]:
        """Return by how much each share may be above stable's."""

    def what(self, known: MetricStatus) -> Sequence[str]:
        """Return what became of the requests that each share counts, for people."""

    def highest(self, asked: AnalysisMetric) -> float:
        """Return the highest share that is allowed."""

    def possibly(
        self, asked: AnalysisMetric, ours: Counted, arm: Counts, bounds: Sequence[float]
    ) -> float:
        """Return how many requests may be what the metric asks about, beside those that are."""

    def limit_verdict(
        self, asked: AnalysisMetric, known: MetricStatus, limit: AgainstLimit
    ) -> Verdict:
        """Return what a test against the limit says."""
