"""Who wants a run, and why."""

from dataclasses import dataclass

from perennial.api.monitor import DriftMonitor, LastAction
from perennial.api.training import Pending, TrainingStatus, TriggerKind
from perennial.plan.core import Event, request_of
from perennial.plan.training.run import as_trained
from perennial.plan.training.schedule import next_after
from perennial.plan.training.snapshot import TrainingSnapshot

RETRAIN = "retrain"
BY_ITSELF: frozenset[TriggerKind] = frozenset({"Drift", "Schedule"})
"""What nobody asked for in person."""


@dataclass(frozen=True)
class Trigger:
    """What starts a run, or would."""

    kind: TriggerKind
    reason: str


def triggers_of(
    s: TrainingSnapshot, status: TrainingStatus
) -> tuple[list[Trigger], TrainingStatus, tuple[Event, ...]]:
    """Return who wants a run, with the status that remembers having asked."""
    training, spec = s.training, s.training.spec
    triggers: list[Trigger] = []
    events: tuple[Event, ...] = ()
    newest = status.run
    if newest is None and status.champion is None:
        triggers.append(Trigger("Spec", "first run"))
    elif newest is not None and newest.trained != as_trained(spec):
        triggers.append(
            Trigger("Spec", f"spec changed to generation {training.metadata.generation}")
        )
    if status.pending is not None:
        triggers.append(Trigger(status.pending.trigger, status.pending.reason))
    if request := request_of(training.metadata.annotations, status.last_request):
        verb, text = request
        if verb == RETRAIN:
            triggers.append(Trigger("Request", f"asked for by {text}"))
        else:
            message = f"{verb} is unknown here; a ModelTraining knows {RETRAIN}"
            events = (Event("UnknownRequest", message, "Warning"),)
        status = status.model_copy(update={"last_request": text})
    if spec.schedule is not None:
        since = status.last_schedule_time or training.metadata.creation_timestamp or s.now
        due = next_after(spec.schedule, since)
        if due <= s.now:
            triggers.append(Trigger("Schedule", f"scheduled for {due:%Y-%m-%dT%H:%M:%SZ}"))
            status = status.model_copy(update={"last_schedule_time": s.now})
    began = newest.start_time if newest else None
    for monitor in s.monitors:
        action = asked_by(monitor, training.metadata.name)
        # One of the future, as after a clock was set back, would follow each run with another.
        if action is not None and began is not None and began < action.time <= s.now:
            triggers.append(Trigger("Drift", f"{monitor.metadata.name}: {action.message}"))
    return triggers, status, events


def asked_by(monitor: DriftMonitor, training: str) -> LastAction | None:
    """Return what a monitor asks a training for; None where it asks for nothing, or no longer.

    It is in the monitor's status, which stays when somebody takes the action out of the spec, only
    observes from now on, or points the monitor at another model.
    """
    action, asked = monitor.status.last_retraining, monitor.spec.actions
    if action is None or action.outcome:
        return None
    if asked.retrain is None or asked.mode == "Observe":
        return None
    return action if action.training in ("", training) else None


def kind_of(triggers: list[Trigger]) -> TriggerKind:
    """Return what several amount to: who asks in person is not told what runs by themselves are."""
    kinds = [t.kind for t in triggers]
    return next((kind for kind in kinds if kind not in BY_ITSELF), kinds[0])


def reasons(triggers: list[Trigger]) -> str:
    """Return the reasons joined, each once."""
    joined: list[str] = []
    for trigger in triggers:
        if not any(trigger.reason in known for known in joined):
            joined.append(trigger.reason)
    return "; ".join(joined)[:1024]


def postponed(status: TrainingStatus, triggers: list[Trigger]) -> TrainingStatus:
    """Return the status that remembers triggers beside what already waits."""
    if not triggers:
        return status
    if status.pending is not None:
        triggers = [Trigger(status.pending.trigger, status.pending.reason), *triggers]
    pending = Pending(trigger=kind_of(triggers), reason=reasons(triggers))
    return status.model_copy(update={"pending": pending})
