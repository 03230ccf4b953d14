"""Who wants a run, and why."""

from dataclasses import dataclass
from typing import Any

from perennial.api.training import Pending, TrainingStatus
from perennial.plan.core import Event, request_of
from perennial.plan.training.run import as_trained
from perennial.plan.training.schedule import next_after
from perennial.plan.training.snapshot import TrainingSnapshot

RETRAIN = "retrain"


@dataclass(frozen=True)
class Wish:
    """A run that somebody wants."""

    trigger: Any
    reason: str


def wishes_of(
    s: TrainingSnapshot, status: TrainingStatus
) -> tuple[list[Wish], TrainingStatus, tuple[Event, ...]]:
    """Return who wants a run, with the status that remembers having asked."""
    training, spec = s.training, s.training.spec
    wishes: list[Wish] = []
    events: tuple[Event, ...] = ()
    newest = status.run
    if newest is None and status.champion is None:
        wishes.append(Wish("Spec", "first run"))
    elif newest is not None and newest.trained != as_trained(spec):
        wishes.append(Wish("Spec", f"spec changed to generation {training.metadata.generation}"))
    if status.pending is not None:
        wishes.append(Wish(status.pending.trigger, status.pending.reason))
    if request := request_of(training.metadata.annotations, status.last_request):
        verb, text = request
        if verb == RETRAIN:
            wishes.append(Wish("Request", f"asked for by {text}"))
        else:
            told = f"{verb} is unknown here; a ModelTraining knows {RETRAIN}"
            events = (Event("UnknownRequest", told, "Warning"),)
        status = status.model_copy(update={"last_request": text})
    if spec.schedule is not None:
        since = status.last_schedule_time or training.metadata.creation_timestamp or s.now
        due = next_after(spec.schedule, since)
        if due <= s.now:
            wishes.append(Wish("Schedule", f"scheduled for {due:%Y-%m-%dT%H:%M:%SZ}"))
            status = status.model_copy(update={"last_schedule_time": s.now})
    began = newest.start_time if newest else None
    for monitor in s.monitors:
        action = monitor.status.last_action
        if action is not None and began is not None and action.time > began:
            wishes.append(Wish("Drift", f"{monitor.metadata.name}: {action.message}"))
    return wishes, status, events


def reasons(wishes: list[Wish]) -> str:
    """Return the reasons joined, each once."""
    told: list[str] = []
    for wish in wishes:
        if not any(wish.reason in known for known in told):
            told.append(wish.reason)
    return "; ".join(told)[:1024]


def postponed(status: TrainingStatus, wishes: list[Wish]) -> TrainingStatus:
    """Return the status that remembers wishes beside what already waits."""
    if not wishes:
        return status
    if status.pending is not None:
        wishes = [Wish(status.pending.trigger, status.pending.reason), *wishes]
    pending = Pending(trigger=wishes[0].trigger, reason=reasons(wishes))
    return status.model_copy(update={"pending": pending})
