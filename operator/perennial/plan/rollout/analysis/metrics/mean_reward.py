"""meanReward: the mean of the rewards that feedback tells."""

from perennial.plan.rollout.analysis.metrics.outcome_mean import NOTHING, OutcomeMean
from perennial.plan.rollout.analysis.outcomes import untold
from perennial.plan.statistics.means import Moments
from perennial_artifact.outcomes import Known, Outcomes


def moments(outcomes: Outcomes, known: Known) -> Moments:
    """Return the rewards of one age."""
    found = known.rewards
    return NOTHING if found is None else Moments(float(found.count), found.sum, found.squares)


def lacks(name: str, outcomes: Outcomes | None) -> str:
    """Return what an arm lacks."""
    return untold(name) if outcomes is None else ""


MEAN_REWARD = OutcomeMean(
    limit_of=lambda asked: asked.mean_reward,
    moments=moments,
    lacks=lacks,
    noun="mean reward",
    counted="mean reward",
    unit="reward",
)
