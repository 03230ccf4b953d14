"""latency: a quantile of the answer time, or the shares of slow answers beside stable's."""

import math
from collections.abc import Sequence

from perennial.api.deployment import AnalysisMetric, LatencyLimit, MetricStatus
from perennial.api.values import seconds
from perennial.plan.rollout.analysis.counts import Counts
from perennial.plan.rollout.analysis.metrics.metric import Words
from perennial_statistics.latency import (
    ComparedBounds,
    beyond,
    compared_bounds,
    latency_verdict,
    slower,
)
from perennial_statistics.limits import AgainstLimit
from perennial_statistics.proportions import Counted
from perennial_statistics.verdict import Verdict

DEFAULT_QUANTILE = 0.99


class Latency:
    """The answer time, known by the bounds that pods count at."""

    def limit_of(self, asked: AnalysisMetric) -> LatencyLimit | None:
        """Return what is asked of the answer time."""
        return asked.latency

    def compares(self, asked: AnalysisMetric) -> bool:
        """Tell whether the canary is held against stable."""
        return self._limit(asked).maximum is None

    def words(self, asked: AnalysisMetric) -> Words:
        """Return how it is told."""
        maximum = self._limit(asked).maximum
        return Words(f"share slower than {maximum}" if maximum else "share of slow answers")

    def bounds(self, asked: AnalysisMetric, known: MetricStatus) -> list[float]:
        """Return the bounds that it needs counted, in seconds."""
        if not known.bounds:
            return []
        if self.compares(asked):
            return list(ComparedBounds.from_list(known.bounds).bounds)
        return list(known.bounds)

    def with_bounds(
        self, asked: AnalysisMetric, known: MetricStatus, bounds: Sequence[float], stable: Counts
    ) -> MetricStatus:
        """Return what is known with bounds around the limit, or at stable's own quantiles."""
        if known.bounds or not bounds:
            return known
        if self.compares(asked):
            chosen = compared_bounds(bounds, stable.by_bucket())
            return known.model_copy(update={"bounds": chosen.to_list()}) if chosen else known
        at = slower(bounds, [0.0] * (len(bounds) + 1), self._longest(asked, bounds))
        around = sorted({at.lower, at.upper} & set(bounds))
        return known.model_copy(update={"bounds": around})

    def is_waiting(self, known: MetricStatus) -> bool:
        """Tell whether its bounds are not chosen yet."""
        return not known.bounds

    def counted(
        self, asked: AnalysisMetric, known: MetricStatus, arm: Counts, bounds: Sequence[float]
    ) -> Counted:
        """Return the timed answers of an arm, and how many of them were slow."""
        buckets = _buckets(arm, bounds)
        if self.compares(asked):
            return beyond(bounds, buckets, ComparedBounds.from_list(known.bounds))
        found = slower(bounds, buckets, self._longest(asked, bounds))
        return Counted(arm.timed, (found.surely,))

    def margins(self, asked: AnalysisMetric, known: MetricStatus) -> Sequence[float]:
        """Return by how much each share of slow answers may be above stable's."""
        return ComparedBounds.from_list(known.bounds).margins

    def what(self, known: MetricStatus) -> Sequence[str]:
        """Return how slow each share's answers are, for people."""
        return ComparedBounds.from_list(known.bounds).what

    def highest(self, asked: AnalysisMetric) -> float:
        """Return the highest share of slow answers that is allowed."""
        quantile = self._limit(asked).quantile
        return 1 - (DEFAULT_QUANTILE if quantile is None else quantile)

    def possibly(
        self, asked: AnalysisMetric, ours: Counted, arm: Counts, bounds: Sequence[float]
    ) -> float:
        """Return the answers that may have been slow: the limit may lie between two bounds."""
        return slower(bounds, _buckets(arm, bounds), self._longest(asked, bounds)).possibly

    def limit_verdict(
        self, asked: AnalysisMetric, known: MetricStatus, limit: AgainstLimit
    ) -> Verdict:
        """Return what a test against the longest time says."""
        most, quantile = self._longest(asked, known.bounds), 1 - self.highest(asked)
        return latency_verdict(limit, known.bounds, most, quantile, known.alpha, asked.name)

    def _longest(self, asked: AnalysisMetric, bounds: Sequence[float]) -> float:
        """Return the longest time that is allowed, in seconds; beyond the last bound nothing is."""
        maximum = self._limit(asked).maximum
        assert maximum is not None
        return min(seconds(maximum), *bounds[-1:], math.inf)

    def _limit(self, asked: AnalysisMetric) -> LatencyLimit:
        assert asked.latency is not None
        return asked.latency


def _buckets(arm: Counts, bounds: Sequence[float]) -> list[float]:
    return arm.by_bucket() if arm.within else [0.0] * (len(bounds) + 1)


LATENCY = Latency()
