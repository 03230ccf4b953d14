"""A mean of what became known of predictions, as losses and rewards are."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from perennial.api.deployment import AnalysisMetric, HighestLoss, LowestReward, MetricStatus
from perennial.plan.outcomes.labels import by_age
from perennial.plan.outcomes.means import NOTHING, KnownMean, as_it_is
from perennial.plan.rollout.analysis.metrics.metric import Words, have_enough, in_number
from perennial.plan.rollout.analysis.outcomes import OutcomeLook
from perennial_artifact.outcomes import Known, Outcomes
from perennial_statistics.equal_age import NONE_YET
from perennial_statistics.means import MeanDifference, Moments
from perennial_statistics.one_mean import OneMean
from perennial_statistics.verdict import Verdict

Limit = HighestLoss | LowestReward
FEWEST = 10
"""Values of each arm that is judged that make a look, while time is left."""


@dataclass(frozen=True)
class OutcomeMean:
    """The mean of a value that became known of some predictions."""

    limit_of: Callable[[AnalysisMetric], Limit | None]
    mean: KnownMean

    def compares(self, asked: AnalysisMetric) -> bool:
        """Tell whether the canary is held against stable."""
        return self._limit(asked).against_stable is not None

    def words(self, asked: AnalysisMetric) -> Words:
        """Return how it is told."""
        return Words(self.mean.noun, self.mean.unit, in_number)

    def enough(self, asked: AnalysisMetric, look: OutcomeLook) -> bool:
        """Tell whether what is judged has some values: the spread within a look is to be known."""
        canary, stable = self._rows(look.canary), self._rows(look.stable)
        return have_enough(canary, stable, FEWEST, self.compares(asked))

    def obstacle(self, asked: AnalysisMetric, look: OutcomeLook) -> str:
        """Return what keeps it from being judged."""
        if look.is_same_model and self.compares(asked):
            return ""
        of_stable = self.mean.lacks("stable", look.stable) if self.compares(asked) else ""
        return self.mean.lacks("the canary", look.canary) or of_stable

    def begin(
        self, asked: AnalysisMetric, known: MetricStatus, before: OutcomeLook | None
    ) -> MetricStatus:
        """Return what is known at the first look: nothing needs to be known of stable before."""
        begun = MeanDifference().to_list() if self.compares(asked) else OneMean().to_list()
        return known.model_copy(update={"canary": begun, "stable": []})

    def after(self, asked: AnalysisMetric, known: MetricStatus, look: OutcomeLook) -> MetricStatus:
        """Return what is known after one more look; each age is a stratum of its own.

        Raises:
            ValueError: what was carried on is something else; begin anew.
        """
        if not self.compares(asked):
            one = OneMean.from_list(known.canary)
            for ours in self._by_age(look.canary, by_age(look.canary)):
                one = one.after(ours, look.planned, self.mean.burn_in)
            return known.model_copy(update={"canary": one.to_list()})
        if look.is_same_model:
            return known
        test = MeanDifference.from_list(known.canary)
        stable = self._by_age(look.stable, by_age(look.stable))
        for ours, theirs in zip(self._by_age(look.canary, look.of_canary()), stable, strict=True):
            test = test.after(ours, theirs, look.planned, self.mean.burn_in)
        return known.model_copy(update={"canary": test.to_list()})

    def verdict(self, asked: AnalysisMetric, known: MetricStatus) -> Verdict:
        """Return what it says by now.

        Raises:
            ValueError: what was carried on is something else; begin anew.
        """
        limit, name, mean = self._limit(asked), asked.name, self.mean
        is_reward = isinstance(limit, LowestReward)
        if not self.compares(asked):
            bound = limit.minimum if isinstance(limit, LowestReward) else limit.maximum
            one = OneMean.from_list(known.canary)
            at = mean.counted_as(bound or 0.0)
            found = one.verdict(at, known.alpha, is_reward, name, mean.counted, mean.unit)
            return self._told(found, of_value=True)
        test = MeanDifference.from_list(known.canary)
        if not test.looks:
            return Verdict("Undecided", f"{name}: {NONE_YET}", 0.0)
        margin = self._margin(limit, test)
        found = test.verdict(
            margin, known.alpha, is_reward, name, self.mean.counted, self.mean.unit
        )
        return self._told(found, of_value=False)

    def _told(self, found: Verdict, of_value: bool) -> Verdict:
        """Return a verdict with numbers as people know them."""

        def known(value: float | None) -> float | None:
            return None if value is None else self.mean.known_as(max(0.0, value))

        if self.mean.known_as is as_it_is:
            return found
        found = replace(found, value=known(found.value), reference=known(found.reference))
        if of_value:
            return replace(found, low=known(found.low), high=known(found.high))
        return replace(found, low=None, high=None)  # the root of a difference is none

    def _margin(self, limit: Limit, test: MeanDifference) -> float:
        """Return by how much the mean that is counted may be worse than stable's."""
        if isinstance(limit, LowestReward):
            return limit.against_stable.maximum_decrease if limit.against_stable else 0.0
        more = limit.against_stable.maximum_increase if limit.against_stable else 0.0
        stable = test.stable_total / test.stable_rows if test.stable_rows else 0.0
        return self.mean.counted_as(self.mean.known_as(stable) + more) - stable

    def _rows(self, outcomes: Outcomes | None) -> float:
        return sum(m.rows for m in self._by_age(outcomes, by_age(outcomes)))

    def _by_age(self, outcomes: Outcomes | None, ages: list[Known]) -> list[Moments]:
        if outcomes is None:
            return [NOTHING for _ in ages]
        return [self.mean.moments(outcomes, known) for known in ages]

    def _limit(self, asked: AnalysisMetric) -> Limit:
        limit = self.limit_of(asked)
        assert limit is not None, f"{asked.name} asks nothing"
        return limit
