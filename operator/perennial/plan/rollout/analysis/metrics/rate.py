"""A share of the answers, as errors and refusals are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from perennial.api.deployment import AnalysisMetric, MetricStatus, RateLimit
from perennial.plan.rollout.analysis.counts import Counts
from perennial.plan.rollout.analysis.metrics.metric import Words
from perennial_statistics.limits import AgainstLimit
from perennial_statistics.proportions import Counted
from perennial_statistics.verdict import Verdict


@dataclass(frozen=True)
class Rate:
    """The share of the answers that something became of."""

    limit_of: Callable[[AnalysisMetric], RateLimit | None]
    noun: str
    became: str
    """What became of them, for people."""
    count: Callable[[Counts], float]

    def compares(self, asked: AnalysisMetric) -> bool:
        """Tell whether the canary is held against stable."""
        return self._limit(asked).against_stable is not None

    def words(self, asked: AnalysisMetric) -> Words:
        """Return how it is told."""
        return Words(self.noun)

    def bounds(self, asked: AnalysisMetric, known: MetricStatus) -> list[float]:
        """Return none: latency plays no part."""
        return []

    def with_bounds(
        self, asked: AnalysisMetric, known: MetricStatus, bounds: Sequence[float], stable: Counts
    ) -> MetricStatus:
        """Return what is known as it is."""
        return known

    def is_waiting(self, known: MetricStatus) -> bool:
        """Tell that it can be counted at once."""
        return False

    def counted(
        self, asked: AnalysisMetric, known: MetricStatus, arm: Counts, bounds: Sequence[float]
    ) -> Counted:
        """Return the requests of an arm, and of how many of them it became so."""
        return Counted(arm.requests, (self.count(arm),))

    def margins(self, asked: AnalysisMetric, known: MetricStatus) -> Sequence[float]:
        """Return by how much the share may be above stable's."""
        against = self._limit(asked).against_stable
        assert against is not None
        return [against.maximum_increase]

    def what(self, known: MetricStatus) -> Sequence[str]:
        """Return what became of the requests, for people."""
        return [self.became]

    def highest(self, asked: AnalysisMetric) -> float:
        """Return the highest share that is allowed."""
        return self._limit(asked).maximum or 0.0

    def possibly(
        self, asked: AnalysisMetric, ours: Counted, arm: Counts, bounds: Sequence[float]
    ) -> float:
        """Return those that are counted: there is no doubt about any."""
        return ours.events[0]

    def limit_verdict(
        self, asked: AnalysisMetric, known: MetricStatus, limit: AgainstLimit
    ) -> Verdict:
        """Return what a test against the limit says."""
        return limit.verdict(self.became, self.highest(asked), known.alpha, asked.name)

    def _limit(self, asked: AnalysisMetric) -> RateLimit:
        limit = self.limit_of(asked)
        assert limit is not None, f"{asked.name} asks nothing"
        return limit
