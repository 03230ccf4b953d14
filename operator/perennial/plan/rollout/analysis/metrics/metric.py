"""What every kind of metric says of itself."""

from collections.abc import Sequence
from typing import Protocol

from perennial.api.deployment import AnalysisMetric, LatencyLimit, MetricStatus, RateLimit
from perennial.plan.rollout.analysis.counts import Counts
from perennial.plan.statistics.limits import AgainstLimit
from perennial.plan.statistics.proportions import Counted
from perennial.plan.statistics.verdict import Verdict


class Metric(Protocol):
    """How one kind of metric is counted, held against a limit or stable, and said."""

    def limit_of(self, asked: AnalysisMetric) -> RateLimit | LatencyLimit | None:
        """Return what is asked of it, None where another kind is asked."""

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
