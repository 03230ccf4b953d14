"""Writes that the API server refused: what is said of them, and what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from perennial.api.common import ApiModel, Condition
from perennial.plan.core.conditions import condition, settle
from perennial.plan.core.finding import Finding
from perennial.plan.core.plan import Event

NOT_OURS = "it exists and is not ours: delete it, or rename what it belongs to"
"""Said in the API server's place of a name that somebody else's object has."""
PASSING = frozenset({408, 409, 429, 500, 502, 503, 504})
"""Answers that another try may change with nobody doing anything."""

REFUSED = frozenset({"WriteRefused", "QuotaExceeded"})
"""Reasons of what somebody has to do something about."""


@dataclass(frozen=True)
class Refusal:
    """What the API server said instead of writing an object."""

    what: str
    """The object, as in ``Deployment flights-7d9c``."""
    code: int
    sentence: str

    @property
    def passes(self) -> bool:
        """Tell whether another try may succeed with nobody doing anything."""
        return self.code in PASSING


def finding(refusals: Sequence[Refusal]) -> Finding:
    """Return the gravest refusal as a sentence that says what to do."""
    gravest = min(refusals, key=lambda r: r.passes)
    message = f"{gravest.what} could not be written: {gravest.sentence.rstrip('.')}"
    reason, blame = "WriteRefused", "Cluster"
    if gravest.sentence == NOT_OURS:
        reason, advice = "NameConflict", "it is tried again"
    elif gravest.passes:
        reason, advice = "WriteFailed", "it is tried again by itself"
    elif "exceeded quota" in gravest.sentence:
        reason, advice = "QuotaExceeded", "raise the quota or ask for less; it is tried again"
    elif gravest.code == 403:
        advice = "allow it, or change what is asked for; it is tried again"
    else:
        blame, advice = "User", "correct what it names; everything else was done"
    more = f" ({len(refusals) - 1} more writes were refused)" if len(refusals) > 1 else ""
    return Finding(reason, f"{message}; {advice}{more}", blame)  # type: ignore[arg-type]


def with_refusals(
    present: Sequence[Condition], status: Any, refusals: Sequence[Refusal], now: datetime
) -> tuple[ApiModel, Event]:
    """Return a status that says what was refused, and the Event about it.

    What passes by itself is Reconciling; what does not is Stalled, and so not Ready. Another
    cause that stalls the object already is said in its place.
    """
    found, passes = finding(refusals), all(r.passes for r in refusals)
    conditions: list[Condition] = list(status.conditions)
    if not any(c.type == "Stalled" and c.status == "True" for c in conditions):
        conditions = [_refused(c, found, passes) for c in conditions]
    generation = status.observed_generation
    settled = settle(present, conditions, generation, now)
    status = status.model_copy(update={"conditions": settled})
    return status, Event(found.reason, found.message, "Warning")


def _refused(present: Condition, found: Finding, passes: bool) -> Condition:
    changes = {"Reconciling": True} if passes else {"Ready": False, "Stalled": True}
    if present.type == "Reconciling" and not passes:
        return condition("Reconciling", False, "Stalled")
    if present.type not in changes:
        return present
    return condition(present.type, changes[present.type], found.reason, found.message)
