"""What became known of two versions' predictions: labels, errors and rewards, by age.

Pods tell it by the version that predicted and by how old the prediction was when it became known.
A canary is compared with stable at equal age only, and an age counts only once the canary has
answered for so long: before that, what is known of it is known sooner than what is known of stable.
"""

from dataclasses import dataclass, replace

from perennial.plan.outcomes.labels import by_age
from perennial_artifact.outcomes import AGES, Known, Outcomes
from perennial_artifact.pairs import Pairs


@dataclass(frozen=True)
class OutcomeLook:
    """What became known since the last look."""

    canary: Outcomes | None
    """None where no pod of it tells."""
    stable: Outcomes | None
    served: float
    """Seconds for which the canary had had requests when the look began."""
    planned: float
    """Labels or rewards at which evidence is to be sharpest."""
    is_same_model: bool = False
    """Both revisions serve one artifact, so that what is known of one is known of both."""
    canary_pairs: Pairs | None = None
    """Answers that the canary's pods kept, by their requests; None where none tells any."""
    stable_pairs: Pairs | None = None
    both_asked: bool = True
    """Each of the two has a ready pod, which was asked."""

    def without_canary(self) -> "OutcomeLook":
        """Return the look without what became known of the canary: it warms up."""
        bare = self.canary.replace(known=[], given={}) if self.canary is not None else None
        pairs = self.canary_pairs.replace(answers=[]) if self.canary_pairs is not None else None
        return replace(self, canary=bare, canary_pairs=pairs)

    def of_canary(self) -> list[Known]:
        """Return what is known of the canary, by age: nothing of an age that it has not."""
        return [
            known if self.served >= age else Known(age=age)
            for age, known in zip(AGES, by_age(self.canary), strict=True)
        ]
