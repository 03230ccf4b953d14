"""Means of what became known of predictions: losses and rewards."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from perennial.plan.outcomes.labels import labelled, untold
from perennial_artifact.outcomes import Known, Outcomes
from perennial_artifact.scores import EDGES, probabilities
from perennial_statistics.means import BURN_IN, BURN_IN_HEAVY, Moments

RAREST = EDGES[0]
"""A label is taken for no rarer than this, so that none counts more than 10.0."""
NOTHING = Moments(0.0, 0.0, 0.0)


def as_it_is(value: float) -> float:
    """Return a mean as it was counted."""
    return value


def squared(value: float) -> float:
    """Return the square, as what is counted of a root."""
    return value * value


def rooted(value: float) -> float:
    """Return the root of what is counted; of less than nothing, 0."""
    return math.sqrt(max(0.0, value))


@dataclass(frozen=True)
class KnownMean:
    """The mean of a value that became known of some predictions."""

    moments: Callable[[Outcomes, Known], Moments]
    lacks: Callable[[str, Outcomes | None], str]
    """What the outcomes of a version, called so, lack to be judged, and what to do about it."""
    noun: str
    counted: str
    """What its mean is called that is counted, where people know another."""
    unit: str
    burn_in: float = BURN_IN
    known_as: Callable[[float], float] = as_it_is
    """What people know of the mean that is counted, such as its root."""
    counted_as: Callable[[float], float] = as_it_is
    """The other way."""


def _losses(outcomes: Outcomes, known: Known) -> Moments:
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


def _lacks_losses(whose: str, outcomes: Outcomes | None) -> str:
    if outcomes is None:
        return untold(whose)
    if outcomes.score == "Probability" and len(outcomes.classes) == 2:
        return ""
    return (
        f"the model of {whose} gives no probabilities of two named classes, so no loss is known: "
        "accuracy is for more classes, rmse for numbers"
    )


def _squared_errors(outcomes: Outcomes, known: Known) -> Moments:
    found = known.errors
    return NOTHING if found is None else Moments(float(found.count), found.squares, found.fourths)


def _lacks_errors(whose: str, outcomes: Outcomes | None) -> str:
    if outcomes is None:
        return untold(whose)
    if outcomes.score == "Number":
        return ""
    return (
        f"the model of {whose} answers with no number, so its predictions have no rmse: accuracy "
        "and logLoss are for classes"
    )


def _rewards(outcomes: Outcomes, known: Known) -> Moments:
    found = known.rewards
    return NOTHING if found is None else Moments(float(found.count), found.sum, found.squares)


def _lacks_rewards(whose: str, outcomes: Outcomes | None) -> str:
    return untold(whose) if outcomes is None else ""


LOG_LOSS = KnownMean(
    moments=_losses,
    lacks=_lacks_losses,
    noun="log loss",
    counted="log loss",
    unit="label",
    burn_in=BURN_IN_HEAVY,
)
RMSE = KnownMean(
    moments=_squared_errors,
    lacks=_lacks_errors,
    noun="root mean squared error",
    counted="mean squared error",
    unit="label",
    burn_in=BURN_IN_HEAVY,
    known_as=rooted,
    counted_as=squared,
)
REWARD = KnownMean(
    moments=_rewards,
    lacks=_lacks_rewards,
    noun="mean reward",
    counted="mean reward",
    unit="reward",
)
