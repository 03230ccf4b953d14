"""predictionShift: how far the canary's predictions are distributed from stable's.

They are counted by the scores of receipts, which mean the same for all versions. The bins of a
profile are each version's own: what lies in the third of one is no bin of another.
"""

from itertools import accumulate

from perennial.api.deployment import AnalysisMetric, MetricStatus, ShiftLimit
from perennial.plan.outcomes.labels import given, untold
from perennial.plan.rollout.analysis.metrics.metric import Words
from perennial.plan.rollout.analysis.outcomes import OutcomeLook
from perennial_artifact.outcomes import Outcomes
from perennial_artifact.scores import BOUNDS, EDGES, class_of
from perennial_statistics.proportions import Counted
from perennial_statistics.shift import Shift
from perennial_statistics.verdict import Verdict

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
"""Of stable's predictions, beyond which shares are compared."""
ANSWERED = len(EDGES) // 2 + 2
"""The byte of a probability of one half, from where on the second class is the answer."""
CLASSES = 6
"""Classes whose shares are compared: the most frequent ones."""
FEWEST = 20
"""Predictions of stable that make a look, and by which it is chosen what is compared."""


class PredictionShift:
    """The largest difference of a few shares of both arms' predictions."""

    def limit_of(self, asked: AnalysisMetric) -> ShiftLimit | None:
        """Return what is asked of it."""
        return asked.prediction_shift

    def compares(self, asked: AnalysisMetric) -> bool:
        """Tell that there is nothing to hold it against but stable."""
        return True

    def words(self, asked: AnalysisMetric) -> Words:
        """Return how it is told."""
        return Words("shift of predictions", "prediction")

    def enough(self, asked: AnalysisMetric, look: OutcomeLook) -> bool:
        """Tell whether stable gave some predictions."""
        return given(look.stable) >= FEWEST

    def obstacle(self, asked: AnalysisMetric, look: OutcomeLook) -> str:
        """Return what keeps it from being judged."""
        if look.is_same_model:
            return ""
        if look.canary is None or look.stable is None:
            return untold("the canary" if look.canary is None else "stable")
        if look.canary.score not in ("Probability", "Class"):
            return (
                "the canary's model answers with no class, and numbers are not counted by "
                "receipts: a DriftMonitor compares them with what was learned"
            )
        ours, theirs = ((o.score, len(o.classes)) for o in (look.canary, look.stable))
        if ours != theirs or look.canary.classes != look.stable.classes:
            return "the two models have not the same classes, so there is nothing to compare"
        return ""

    def begin(
        self, asked: AnalysisMetric, known: MetricStatus, before: OutcomeLook | None
    ) -> MetricStatus:
        """Return what is known at the first look: which shares are compared."""
        bounds = _chosen(before.stable) if before is not None else []
        begun = Shift.begin(len(bounds)).to_json()
        return known.model_copy(update={**begun, "bounds": bounds})

    def after(self, asked: AnalysisMetric, known: MetricStatus, look: OutcomeLook) -> MetricStatus:
        """Return what is known after one more look.

        Raises:
            ValueError: what was carried on is something else; begin anew.
        """
        if look.is_same_model or self.obstacle(asked, look):
            return known
        if not known.bounds:
            return self.begin(asked, known, look)
        test = Shift.from_json(known.canary, known.stable, len(known.bounds))
        ours, theirs = (_counted(arm, known.bounds) for arm in (look.canary, look.stable))
        return known.model_copy(update=test.after(ours, theirs, look.planned).to_json())

    def verdict(self, asked: AnalysisMetric, known: MetricStatus) -> Verdict:
        """Return what it says by now.

        Raises:
            ValueError: what was carried on is something else; begin anew.
        """
        assert asked.prediction_shift is not None
        maximum = asked.prediction_shift.maximum
        if not known.bounds:
            few = f"{asked.name}: stable gave too few predictions yet to say how they are spread"
            return Verdict("Undecided", few, 0.0, None, maximum)
        test = Shift.from_json(known.canary, known.stable, len(known.bounds))
        what = [_what(bound) for bound in known.bounds]
        return test.verdict(what, maximum, known.alpha, asked.name)


def _chosen(stable: Outcomes | None) -> list[float]:
    """Return what is compared: bytes from which on shares are, or (below 0) classes.

    None before there are enough predictions of stable's to choose by.
    """
    if stable is None or given(stable) < FEWEST:
        return []
    if stable.score == "Class":
        shares: dict[int, int] = {}
        for byte, count in stable.given.items():
            if byte:
                index = class_of(byte, len(stable.classes))
                shares[index] = shares.get(index, 0) + count
        frequent = sorted(shares, key=lambda index: (-shares[index], index))[:CLASSES]
        return [float(-1 - index) for index in sorted(frequent)]
    counts = [stable.given.get(byte, 0) for byte in range(len(BOUNDS))]
    total, below = sum(counts), list(accumulate(counts))
    cuts = {next(b for b, n in enumerate(below) if n >= q * total) + 1 for q in QUANTILES}
    return [float(cut) for cut in sorted({*cuts, ANSWERED}) if 1 < cut < len(BOUNDS)]


def _counted(arm: Outcomes | None, bounds: list[float]) -> Counted:
    """Return an arm's predictions, and how many are of each compared share."""
    found = arm.given if arm is not None else {}
    classes = len(arm.classes) if arm is not None else 0

    def is_of(byte: int, bound: float) -> bool:
        if bound < 0:
            return byte > 0 and class_of(byte, classes) == -1 - int(bound)
        return bound <= byte < len(BOUNDS)

    events = [sum(n for byte, n in found.items() if is_of(byte, bound)) for bound in bounds]
    return Counted(float(sum(found.values())), tuple(float(n) for n in events))


def _what(bound: float) -> str:
    if bound < 0:
        return f"are of class {-int(bound)} in the model's list"
    return f"are {BOUNDS[int(bound) - 1]:.2g} or above"


PREDICTION_SHIFT = PredictionShift()
