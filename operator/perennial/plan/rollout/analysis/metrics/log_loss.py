"""logLoss: the mean of -log of the probability that was given to the label."""

import math

from perennial.plan.rollout.analysis.metrics.outcome_mean import NOTHING, OutcomeMean
from perennial.plan.rollout.analysis.outcomes import labelled, untold
from perennial.plan.statistics.means import BURN_IN_HEAVY, Moments
from perennial_artifact.outcomes import Known, Outcomes
from perennial_artifact.scores import EDGES, probabilities

RAREST = EDGES[0]
"""A label is taken for no rarer than this, so that none counts more than 10.0."""


def moments(outcomes: Outcomes, known: Known) -> Moments:
    """Return the losses of one age; a label that the model does not know is none of it."""
    rows = total = squares = 0.0
    if len(outcomes.classes) != 2:
        return NOTHING
    for found in labelled(outcomes, known):
        if found.label not in outcomes.classes:
            continue
        loss = _loss(found.byte, found.label == outcomes.classes[1])
        rows += found.count
        total += found.count * loss
        squares += found.count * loss * loss
    return Moments(rows, total, squares)


def _loss(byte: int, is_second: bool) -> float:
    """Return the loss of a score: that of the middle, by log odds, of what its byte says.

    What was no probability is as wrong as can be.
    """
    between = probabilities(byte)
    if between is None:
        return -math.log(RAREST)
    low, high = (min(max(p, RAREST), 1 - RAREST) for p in between)
    middle = (math.log(low / (1 - low)) + math.log(high / (1 - high))) / 2
    return math.log1p(math.exp(-middle if is_second else middle))


def lacks(name: str, outcomes: Outcomes | None) -> str:
    """Return what an arm lacks."""
    if outcomes is None:
        return untold(name)
    if outcomes.score == "Probability" and len(outcomes.classes) == 2:
        return ""
    return (
        f"the model of {name} gives no probabilities of two named classes, so no loss is known: "
        "accuracy is for more classes, rmse for numbers"
    )


LOG_LOSS = OutcomeMean(
    limit_of=lambda asked: asked.log_loss,
    moments=moments,
    lacks=lacks,
    noun="log loss",
    counted="log loss",
    unit="label",
    burn_in=BURN_IN_HEAVY,
)
