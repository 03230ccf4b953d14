"""rmse: the root of the mean square of prediction less label."""

from perennial.plan.rollout.analysis.metrics.outcome_mean import (
    NOTHING,
    OutcomeMean,
    rooted,
    squared,
)
from perennial.plan.rollout.analysis.outcomes import untold
from perennial.plan.statistics.means import BURN_IN_HEAVY, Moments
from perennial_artifact.outcomes import Known, Outcomes


def moments(outcomes: Outcomes, known: Known) -> Moments:
    """Return the squared errors of one age."""
    found = known.errors
    return NOTHING if found is None else Moments(float(found.count), found.squares, found.fourths)


def lacks(name: str, outcomes: Outcomes | None) -> str:
    """Return what an arm lacks."""
    if outcomes is None:
        return untold(name)
    if outcomes.score == "Number":
        return ""
    return (
        f"the model of {name} answers with no number, so its predictions have no rmse: accuracy "
        "and logLoss are for classes"
    )


RMSE = OutcomeMean(
    limit_of=lambda asked: asked.rmse,
    moments=moments,
    lacks=lacks,
    noun="root mean squared error",
    counted="mean squared error",
    unit="label",
    burn_in=BURN_IN_HEAVY,
    known_as=rooted,
    counted_as=squared,
)
