"""What a test says of a canary, and when a rollout may go on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["Successful", "Failed", "Undecided"]

ALPHA = 0.01
"""Chance that a canary as good as it ought to be is rolled back, over a whole rollout."""
SUCCESS = 0.05
"""Chance that one that is not so good is called so."""
SUSPICION = 5
"""An undecided canary is held back where evidence against it has reached 1 / (5 alpha)."""
RAREST = 1_000_000


@dataclass(frozen=True)
class Verdict:
    """The outcome for one metric, with a sentence for people.

    ``value`` and ``reference`` are what was measured and what it was held against (the limit, or
    stable's value); ``requests`` the canary's, or its labels or rewards: 0 where these say nothing
    yet, since that is not "nothing against it". ``p`` is the chance of such counts if the canary
    were not worse; of one that is successful, if it were worse than it may be. ``low`` and ``high``
    are where the value truly is, or, beside stable, the difference.
    """

    outcome: Outcome
    message: str
    requests: float
    value: float | None = None
    reference: float | None = None
    suspected: bool = False
    p: float | None = None
    low: float | None = None
    high: float | None = None


def split_alpha(alpha: float, metrics: int) -> float:
    """Return each metric's part of the risk of a false rollback.

    Only metrics that vote count. It must not change in the middle of a rollout.
    """
    return alpha / max(1, metrics)


def outcome(
    log_against: float, log_for: float, alpha: float, tolerated: bool = False
) -> tuple[Outcome, bool]:
    """Return the outcome of evidence against a canary and for it, and whether it is suspected.

    Args:
        log_against: log e-value of the canary being worse than it may be.
        log_for: log e-value of its being no worse.
        alpha: this metric's part of the risk.
        tolerated: evidence for it outweighs evidence against it. So where it may be worse than
            stable by a margin: a small difference that is certain is still within the margin.
    """
    good = log_for >= -math.log(SUCCESS)
    bad = log_against >= -math.log(alpha)
    if bad and not (good and tolerated):
        return "Failed", True
    if good:
        return "Successful", False
    return "Undecided", log_against >= -math.log(SUSPICION * alpha)


def p_value(log_e: float) -> float:
    """Return the chance of evidence so strong, or stronger, at any look: its reciprocal."""
    return math.exp(-max(0.0, log_e))


def chance(log_e: float) -> str:
    """Return the chance of such evidence by luck, for people: at most 1 in 240."""
    once_in = math.exp(log_e) if log_e < math.log(RAREST) else RAREST
    return f"at most 1 in {max(1, math.floor(once_in + 1e-6)):,}"


@dataclass(frozen=True)
class Decision:
    """What all verdicts together say at a time."""

    action: Literal["RollBack", "GoOn", "Wait", "AskPerson"]
    message: str


def decide(
    verdicts: Sequence[Verdict],
    pause_over: bool,
    planned: float,
    waited: float,
    wait_at_most: float,
) -> Decision:
    """Return what follows from the verdicts of all metrics that vote.

    One that failed rolls back. If all succeeded, a pause ends early. Once it is over, a canary of
    which nothing bad is known goes on after the planned number of requests; else it is waited for.

    Args:
        verdicts: of all metrics that vote.
        pause_over: the step's pause has lasted as long as it should, or there is none.
        planned: requests of the canary after which "nothing against it" is enough.
        waited: seconds since the pause was over.
        wait_at_most: seconds that may pass so before a person, or a setting, decides.
    """
    failed = [v for v in verdicts if v.outcome == "Failed"]
    if failed:
        return Decision("RollBack", "; ".join(v.message for v in failed))
    undecided = [v for v in verdicts if v.outcome == "Undecided"]
    if not verdicts and not pause_over:
        return Decision("Wait", "no metric votes, so the pause lasts as long as it should")
    if not undecided:
        return Decision("GoOn", "; ".join(v.message for v in verdicts))
    if not pause_over:
        return Decision("Wait", "; ".join(v.message for v in undecided))
    suspected = [v for v in undecided if v.suspected]
    few = [v for v in undecided if v.requests < planned]
    if not suspected and not few:
        return Decision("GoOn", f"nothing speaks against it after {planned:,.0f} requests")
    message = "; ".join(v.message for v in (suspected or few))
    return Decision("AskPerson" if waited >= wait_at_most else "Wait", message)
