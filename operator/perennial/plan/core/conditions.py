"""Conditions by the Kubernetes conventions."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from perennial.api.common import Condition
from perennial.plan.core.finding import Finding
from perennial.plan.core.plan import Event


def settle(
    present: Iterable[Condition], new: Iterable[Condition], generation: int, now: datetime
) -> list[Condition]:
    """Return the conditions to store, in the order of ``new``.

    ``lastTransitionTime`` moves only when a status flips; ``observedGeneration`` always follows.
    """
    before = {c.type: c for c in present}
    settled = []
    for condition in new:
        old = before.get(condition.type)
        same = old is not None and old.status == condition.status and old.last_transition_time
        since = old.last_transition_time if old is not None and same else now
        settled.append(
            Condition(
                type=condition.type,
                status=condition.status,
                reason=condition.reason,
                message=condition.message,
                last_transition_time=since,
                observed_generation=generation,
            )
        )
    return settled


def with_stall(
    present: Iterable[Condition], new: Iterable[Condition], events: tuple[Event, ...]
) -> tuple[Event, ...]:
    """Return the events, and one more where the object stalls now and no other warning tells it."""
    was = any(c.type == "Stalled" and c.status == "True" for c in present)
    now = next((c for c in new if c.type == "Stalled" and c.status == "True"), None)
    if now is None or was or any(e.type == "Warning" for e in events):
        return events
    return (*events, Event(now.reason, now.message, "Warning"))


def condition(type: str, status: bool | None, reason: str, message: str = "") -> Condition:
    """Return a condition; ``None`` stands for Unknown."""
    word: Literal["True", "False", "Unknown"] = (
        "Unknown" if status is None else "True" if status else "False"
    )
    return Condition(type=type, status=word, reason=reason, message=message)


def verdict(type: str, status: bool | None, found: Finding) -> Condition:
    """Return a condition with a finding's reason and sentence; ``None`` stands for Unknown."""
    return condition(type, status, found.reason, found.message)
