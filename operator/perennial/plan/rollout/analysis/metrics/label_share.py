"""A share of labels that went wrong, as accuracy, recall and others are."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from perennial.api.deployment import (
    AnalysisMetric,
    LowestShare,
    MaximumDecrease,
    MetricStatus,
    RateLimit,
)
from perennial.plan.outcomes.labels import by_age, given, labels_of
from perennial.plan.outcomes.shares import LabelledShare
from perennial.plan.rollout.analysis.metrics.metric import Words, have_enough
from perennial.plan.rollout.analysis.outcomes import OutcomeLook
from perennial_artifact.outcomes import AGES, Known, Outcomes
from perennial_statistics.against_stable import StablePast
from perennial_statistics.equal_age import NOTHING, AtEqualAge
from perennial_statistics.late_labels import FEWEST_LABELS, LOWEST_COVERAGE
from perennial_statistics.limits import AgainstLimit
from perennial_statistics.numbers import in_percent
from perennial_statistics.proportions import Counted
from perennial_statistics.verdict import Verdict

Limit = LowestShare | RateLimit
FEWEST = 10
"""Labels of each arm that make a look, while time is left."""


@dataclass(frozen=True)
class LabelShare:
    """The share of some labels whose prediction went wrong.

    People know some of these shares by their complement: 95 % accuracy is 5 % of wrong labels.
    """

    limit_of: Callable[[AnalysisMetric], Limit | None]
    share: LabelledShare

    def compares(self, asked: AnalysisMetric) -> bool:
        """Tell whether the canary is held against stable."""
        return self._limit(asked).against_stable is not None

    def words(self, asked: AnalysisMetric) -> Words:
        """Return how it is told."""
        return Words(self.share.noun, "label")

    def enough(self, asked: AnalysisMetric, look: OutcomeLook) -> bool:
        """Tell whether what is judged has some labels."""
        canary, stable = labels_of(look.canary), labels_of(look.stable)
        return have_enough(canary, stable, FEWEST, self.compares(asked))

    def obstacle(self, asked: AnalysisMetric, look: OutcomeLook) -> str:
        """Return what keeps it from being judged."""
        if look.is_same_model and self.compares(asked):
            return ""
        arms = {"the canary": look.canary, "stable": look.stable}
        if not self.compares(asked):
            arms.pop("stable")
        for name, outcomes in arms.items():
            if found := self.share.lacks(name, outcomes, self._named(asked)):
                return found
        named = self._named(asked)
        meant = [self.share.positive(o, named) for o in arms.values() if o is not None]
        if len(set(meant)) > 1:
            return (
                f"the second class of the canary is {meant[0]}, and of stable {meant[1]}: say in "
                "positiveClass which one is meant"
            )
        return ""

    def begin(
        self, asked: AnalysisMetric, known: MetricStatus, before: OutcomeLook | None
    ) -> MetricStatus:
        """Return what is known at the first look, with what stable's share was before."""
        stable = before.stable if before is not None else None
        if self.compares(asked):
            test = AtEqualAge.begin(self._by_age(asked, stable, by_age(stable)))
            return known.model_copy(update={**test.to_json(), "due": [0, 0, 0, 0]})
        begun = {
            "canary": AgainstLimit.begin().to_list(),
            "stable": StablePast.none().to_list(),
            "due": [0, 0, given(stable), labels_of(stable)],
        }
        return known.model_copy(update=begun)

    def after(self, asked: AnalysisMetric, known: MetricStatus, look: OutcomeLook) -> MetricStatus:
        """Return what is known after one more look.

        Raises:
            ValueError: what was carried on is something else; begin anew.
        """
        if look.canary is not None and self.obstacle(asked, look):
            return known  # counted all the same it would be held against one of them
        theirs = self._by_age(asked, look.stable, by_age(look.stable))
        if self.compares(asked):
            if look.is_same_model:
                return known
            ours = self._by_age(asked, look.canary, look.of_canary())
            margin = self._margin(asked)
            test = self._at_equal_age(known).after(ours, theirs, margin)
            return known.model_copy(update=test.to_json())
        ours = self._by_age(asked, look.canary, by_age(look.canary))
        past = StablePast.from_list(known.stable)
        bursts = past.bursts.phi()[0] if past.requests else 1.0
        total, wrong = _sum(ours)
        limit = AgainstLimit.from_list(known.canary)
        limit = limit.after(total, wrong, wrong, self._highest(asked), bursts)
        past = past.after(Counted(*_events(theirs)))
        arms = (look.canary, look.stable)
        come = [n for arm in arms for n in (given(arm), labels_of(arm))]
        due = [a + b for a, b in zip(known.due, come, strict=True)]
        found = {"canary": limit.to_list(), "stable": past.to_list(), "due": due}
        return known.model_copy(update=found)

    def verdict(self, asked: AnalysisMetric, known: MetricStatus) -> Verdict:
        """Return what it says by now, as people know the share.

        Raises:
            ValueError: what was carried on is something else; begin anew.
        """
        name, highest = asked.name, self._highest(asked)
        if self.compares(asked):
            test, margin = self._at_equal_age(known), self._margin(asked)
            return self._told(asked, test.verdict(self.share.became, margin, known.alpha, name))
        limit = AgainstLimit.from_list(known.canary)
        found = limit.verdict(self.share.became, highest, known.alpha, name, "label")
        if why := _immature(known, limit):
            found = Verdict("Undecided", f"{name}: {why}", 0.0, None, highest)
        return self._told(asked, found)

    def _told(self, asked: AnalysisMetric, found: Verdict) -> Verdict:
        if not isinstance(self._limit(asked), LowestShare):
            return found
        value, reference = found.value, found.reference
        low, high = found.low, found.high
        whole = 0 if self.compares(asked) else 1  # beside stable it is of the difference
        return replace(
            found,
            value=None if value is None else 1 - value,
            reference=None if reference is None else 1 - reference,
            low=None if high is None else whole - high,
            high=None if low is None else whole - low,
        )

    def _at_equal_age(self, known: MetricStatus) -> AtEqualAge:
        return AtEqualAge.from_json(known.canary, known.stable, len(AGES))

    def _by_age(
        self, asked: AnalysisMetric, outcomes: Outcomes | None, ages: list[Known]
    ) -> list[Counted]:
        """Return the labels of each age, and how many of them went wrong."""
        named = self._named(asked)
        found = [self.share.counted(outcomes, k, named) if outcomes else None for k in ages]
        return [NOTHING if c is None else Counted(c[0], (c[1],)) for c in found]

    def _named(self, asked: AnalysisMetric) -> str | None:
        """Return the class that is asked about, where one is named."""
        named = getattr(self._limit(asked), "positive_class", None)
        return None if named is None else str(named)

    def _limit(self, asked: AnalysisMetric) -> Limit:
        limit = self.limit_of(asked)
        assert limit is not None, f"{asked.name} asks nothing"
        return limit

    def _margin(self, asked: AnalysisMetric) -> float:
        against = self._limit(asked).against_stable
        assert against is not None
        if isinstance(against, MaximumDecrease):
            return against.maximum_decrease
        return against.maximum_increase

    def _highest(self, asked: AnalysisMetric) -> float:
        """Return the highest share of wrong ones that is allowed."""
        limit = self._limit(asked)
        return 1 - (limit.minimum or 0) if isinstance(limit, LowestShare) else limit.maximum or 0


def _immature(known: MetricStatus, limit: AgainstLimit) -> str:
    """Return why a limit cannot be judged yet: too few of the labels that are due have come.

    Which are due is known by stable: of its predictions as many have a label in the same time as
    will have one at all. Without, each prediction's is.
    """
    given_ours, come_ours, given_theirs, come_theirs = (float(n) for n in known.due)
    if limit.requests < FEWEST_LABELS:
        return f"{limit.requests:,.0f} labels have come, and {FEWEST_LABELS} are needed"
    comes = come_theirs / given_theirs if given_theirs and come_theirs else 1.0
    due = given_ours * min(1.0, comes)
    coverage = come_ours / due if due else 1.0
    if coverage >= LOWEST_COVERAGE:
        return ""
    return (
        f"{in_percent(coverage)} of the labels that are due have come, and half are needed: those "
        "that come first are not like the others"
    )


def _events(ages: list[Counted]) -> tuple[float, tuple[float, ...]]:
    total, wrong = _sum(ages)
    return total, (wrong,)


def _sum(ages: list[Counted]) -> tuple[float, float]:
    return sum(c.requests for c in ages), sum(c.events[0] for c in ages)
