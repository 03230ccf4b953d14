"""disagreement: the share of requests that the shadow answers differently from stable."""

from perennial.api.deployment import AnalysisMetric, DisagreementLimit, MetricStatus
from perennial.plan.rollout.analysis.answered import differing
from perennial.plan.rollout.analysis.metrics.metric import Words
from perennial.plan.rollout.analysis.outcomes import OutcomeLook
from perennial_statistics.limits import AgainstLimit
from perennial_statistics.verdict import Verdict


class Disagreement:
    """Of requests whose answers both versions kept, how many were answered differently."""

    def limit_of(self, asked: AnalysisMetric) -> DisagreementLimit | None:
        """Return what is asked of it."""
        return asked.disagreement

    def compares(self, asked: AnalysisMetric) -> bool:
        """Tell that it is about both versions."""
        return True

    def words(self, asked: AnalysisMetric) -> Words:
        """Return how it is told."""
        return Words("disagreement", "pair")

    def enough(self, asked: AnalysisMetric, look: OutcomeLook) -> bool:
        """Tell that any look is one: answers are known at once."""
        return True

    def obstacle(self, asked: AnalysisMetric, look: OutcomeLook) -> str:
        """Return what keeps it from being judged."""
        if look.is_same_model:
            return ""
        for name, pairs in (("the new version", look.canary_pairs), ("stable", look.stable_pairs)):
            if pairs is None:
                return (
                    f"no pod of {name} tells what it answered: it needs spec.serving.pairs, and "
                    "the key of the Secret NAME-receipts; what began without keeps no answers"
                )
        assert look.canary_pairs is not None and look.stable_pairs is not None
        ours, theirs = look.canary_pairs.score, look.stable_pairs.score
        if ours != theirs:
            return f"the two models answer with different things: {theirs} and {ours}"
        if ours not in ("Probability", "Class", "Number"):
            return "the models answer with neither a class nor one number, so nothing is compared"
        if ours == "Number":
            return ""
        our_classes, their_classes = look.canary_pairs.classes, look.stable_pairs.classes
        if not our_classes or not their_classes:
            name = "stable" if our_classes else "the new version"
            return (
                f"the pods of {name} do not tell the names of its classes: ask for refresh, which "
                "moves it onto the newest serving image"
            )
        if not set(our_classes) & set(their_classes):
            return (
                f"the two models have no class in common: {', '.join(their_classes[:5])} of "
                f"stable, {', '.join(our_classes[:5])} of the new version"
            )
        return ""

    def begin(
        self, asked: AnalysisMetric, known: MetricStatus, before: OutcomeLook | None
    ) -> MetricStatus:
        """Return what is known at the first look: nothing was copied before."""
        return known.model_copy(update={"canary": AgainstLimit.begin().to_list(), "stable": []})

    def after(self, asked: AnalysisMetric, known: MetricStatus, look: OutcomeLook) -> MetricStatus:
        """Return what is known after one more look.

        Raises:
            ValueError: what was carried on is something else; begin anew.
        """
        limit, test = self._limit(asked), AgainstLimit.from_list(known.canary)
        ours, theirs = look.canary_pairs, look.stable_pairs
        if ours is None or theirs is None or self.obstacle(asked, look):
            return known
        both, differ = differing(theirs, ours, limit.tolerance)
        test = test.after(both, differ, differ, limit.maximum)
        return known.model_copy(update={"canary": test.to_list()})

    def verdict(self, asked: AnalysisMetric, known: MetricStatus) -> Verdict:
        """Return what it says by now.

        Raises:
            ValueError: what was carried on is something else; begin anew.
        """
        limit, test = self._limit(asked), AgainstLimit.from_list(known.canary)
        if not test.requests:
            few = f"{asked.name}: no request yet whose answers both versions kept"
            return Verdict("Undecided", few, 0.0, None, limit.maximum)
        return test.verdict("differ", limit.maximum, known.alpha, asked.name, "pair")

    def _limit(self, asked: AnalysisMetric) -> DisagreementLimit:
        assert asked.disagreement is not None, f"{asked.name} asks nothing"
        return asked.disagreement


DISAGREEMENT = Disagreement()
