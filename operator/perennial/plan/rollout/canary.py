"""A canary's way from its first pod to its promotion, or back."""

import hashlib
import json

from perennial.api.base import seconds
from perennial.api.deployment import DeploymentStatus, Revision, Share, Step, StepStatus
from perennial.plan.core import REQUEST_ANNOTATION, Event
from perennial.plan.finding import Finding
from perennial.plan.record import as_written, counted
from perennial.plan.rollout.capacity import lingers
from perennial.plan.rollout.hindrance import gives_way, tried_again
from perennial.plan.rollout.measure import decision, is_suspected, measure
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.state import DEADLINE, State, drop, is_undone, reject, rejection
from perennial.plan.weights import actual

PAUSE_STEP, UNDECIDED = "CanaryPauseStep", "AnalysisUndecided"


def roll(s: DeploymentSnapshot, state: State, desired: Revision) -> State:
    """Move a rollout on, or begin one."""
    status, canary = state.status, state.status.canary
    if rejection(status, desired.revision) is not None:
        return drop(state) if canary else state
    if status.promoted_time is None:
        # Nothing serves, so there is nothing to protect: begin anew with what is wanted.
        return drop(state).set(stable=desired)
    if s.replicas == 0 and canary is not None and canary.revision == desired.revision:
        return _waits(state)  # nothing judges it without traffic: it goes on when there are pods
    if s.replicas == 0:
        return drop(state).set(stable=desired, replaced=status.stable)
    if canary is not None and canary.revision != desired.revision:
        written = as_written(s.deployment, canary.artifact)
        same_settings = counted(canary.revision)[0] == written
        follows = s.deployment.spec.model.training_ref is not None
        finish = s.deployment.spec.rollout.on_new_version == "Finish"
        if not (same_settings and follows and finish) or gives_way(s, canary):
            return drop(state)  # the next pass begins anew against stable
    if canary is None:
        if lingers(s, status) or not s.is_closed(status):
            return state  # what opens for the canary would open for what is still there, too
        told = f"canary of {desired.name} started"
        return state.set(
            Event("CanaryStarted", told),
            canary=desired,
            step=first_step(s),
            promoting=False,
            paused="",
        )
    step = status.step
    if step is not None and step.steps != hash_of(s.deployment.spec.rollout.steps):
        # It stands at a step of another list: its pods stay, its way begins anew.
        told = f"the steps have changed: {canary.name} begins anew"
        state = state.set(Event("StepsChanged", told))
        return state.set(step=first_step(s), weight=None, promoting=False, paused="")
    return advance(s, state, canary)


def time_left(s: DeploymentSnapshot, canary: Revision) -> float:
    """Return the seconds that are left to a rollout."""
    passed = (s.now - (canary.start_time or s.now)).total_seconds()
    return seconds(s.deployment.spec.rollout.deadline) - max(0.0, passed)


def _waits(state: State) -> State:
    """Hold a canary while there are to be no pods; its step begins anew when there are."""
    step = state.status.step
    if step is None or (step.start_time is None and step.scaling_since is None):
        return state
    return state.set(step=step.model_copy(update={"start_time": None, "scaling_since": None}))


def hash_of(steps: list[Step]) -> str:
    """Return a hash of the steps, by which an edit of them is noticed."""
    told = [step.model_dump(mode="json", exclude_none=True, exclude={"name"}) for step in steps]
    text = json.dumps(told, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def first_step(s: DeploymentSnapshot) -> StepStatus:
    """Return the beginning of a canary's way."""
    return StepStatus(index=0, steps=hash_of(s.deployment.spec.rollout.steps), scaling_since=s.now)


def advance(s: DeploymentSnapshot, state: State, canary: Revision) -> State:
    """One pass over a canary that is under way."""
    rollout = s.deployment.spec.rollout
    why, again = s.trouble(canary.revision), tried_again(s, state.status, canary)
    if time_left(s, canary) <= 0 and not is_undone(state.status):
        if again is not None:
            return _overdue(s, state, why)
        late_by = f"the rollout did not end within {rollout.deadline}; ask for retry to try again"
        return reject(s, state, DEADLINE, late_by)
    step = state.status.step or first_step(s)
    if step.scaling_since is None and step.start_time is None:
        step = step.model_copy(update={"scaling_since": s.now})
        state = state.set(step=step)
    if why is not None and why.final:
        return reject(s, state, why.reason, why.message)
    state = measure(s, state)
    status = state.status
    if status.canary is None or status.paused:
        return state
    ready, since = s.ready(canary.revision), step.scaling_since or s.now
    late = (s.now - since).total_seconds() > seconds(rollout.progress_deadline)
    if again is not None:
        late = s.now >= again
    if status.promoting:
        if ready >= s.replicas:
            return _promote(s, state, canary)
        return _overdue(s, state, why) if late else state
    weight = s.weight_at(step.index)
    stable_pods, canary_pods = s.sizes(weight)
    if step.start_time is None:
        if ready < canary_pods:
            return _overdue(s, state, why) if late else state
        if not _has_grown(s, status, stable_pods):
            return _stuck(s, state, weight) if late else state
        shown = actual(stable_pods, canary_pods) if 0 < weight < 100 else weight
        told = Share(asked=weight, actual=shown)
        started = step.model_copy(update={"start_time": s.now})
        changed = status.weight is None or status.weight.asked != weight
        text = f"canary takes {shown} % of the traffic ({weight} % asked)"
        events = (Event("WeightSet", text),) if changed else ()
        return state.set(*events, step=started, weight=told)
    if ready < canary_pods:
        # Its pods went away, or more are wanted: the step begins anew once they are there.
        return state.set(step=step.model_copy(update={"start_time": None, "scaling_since": s.now}))
    is_last = step.index == len(rollout.steps) - 1
    if rollout.steps[step.index].pause is None and not is_last:
        return next_step(s, state)
    return _hold(s, state, step)


def _has_grown(s: DeploymentSnapshot, status: DeploymentStatus, goal: int) -> bool:
    """Tell whether stable has the pods that a smaller weight of the canary asks of it."""
    stable = status.stable
    assert stable is not None
    return goal <= s.in_force(status)[0] or s.ready(stable.revision) >= goal


def _hold(s: DeploymentSnapshot, state: State, step: StepStatus) -> State:
    """End the pause when its time is over and the verdicts allow it; the last step is one, too."""
    rollout = s.deployment.spec.rollout
    pause = rollout.steps[step.index].pause
    if pause is not None and pause.duration is None:
        name = s.deployment.metadata.name
        how = f"kubectl annotate md {name} --overwrite {REQUEST_ANNOTATION}=promote/$(date +%s)"
        told = Event("RolloutPaused", f"waits for a person: {how}")
        return state.set(told, paused=PAUSE_STEP)
    lasts = seconds(pause.duration or "0s") if pause is not None else 0.0
    passed = (s.now - (step.start_time or s.now)).total_seconds()
    waited = passed - lasts
    if step.waiting_since is not None:
        waited = min(waited, (s.now - step.waiting_since).total_seconds())
    found = decision(s, state, pause_over=passed >= lasts, waited=max(0.0, waited))
    if passed < lasts:
        return state  # a pause lasts as long as it says
    if found.action == "GoOn":
        return next_step(s, state)
    if found.action == "Wait":
        return _telling(state, found.message)
    if rollout.judging.undecided == "Promote" and not is_suspected(state.status):
        told = Event("PromotedUndecided", f"goes on without a verdict: {found.message}", "Warning")
        return next_step(s, state.set(told))
    told = Event("RolloutPaused", f"the analysis is undecided: {found.message}", "Warning")
    return _telling(state.set(told, paused=UNDECIDED), found.message)


def _telling(state: State, message: str) -> State:
    """Return the state with what the rollout waits for."""
    found = state.status.analysis
    if found is None or found.message == message:
        return state
    return state.set(analysis=found.model_copy(update={"message": message}))


def next_step(s: DeploymentSnapshot, state: State) -> State:
    """Go on to the next step, or, after the last one, to the promotion."""
    step = state.status.step or first_step(s)
    steps = s.deployment.spec.rollout.steps
    if step.index + 1 >= len(steps):
        scaling = step.model_copy(update={"scaling_since": s.now})
        return _telling(state.set(promoting=True, step=scaling), "")
    following = StepStatus(index=step.index + 1, steps=step.steps, scaling_since=s.now)
    return _telling(state.set(step=following), "")


def _overdue(s: DeploymentSnapshot, state: State, why: Finding | None) -> State:
    if why is not None and why.blame != "Model":
        # Not the model's fault: no rejection, so that the next pass tries it, or a newer one.
        return drop(state).set(Event(why.reason, why.message, "Warning"))
    told = f"{why.reason}: {why.message}" if why else "its pods did not become ready in time"
    return reject(s, state, "ProgressDeadlineExceeded", told)


def _stuck(s: DeploymentSnapshot, state: State, weight: int) -> State:
    """Let a person decide where the canary is sound, but stable has no room for its pods."""
    stable = state.status.stable
    assert stable is not None
    why = s.trouble(stable.revision)
    told = f"{stable.name} has not the pods for a weight of {weight} %"
    told += f": {why.message}" if why else ""
    return state.set(Event("RolloutPaused", told, "Warning"), paused="StableNotReady")


def _promote(s: DeploymentSnapshot, state: State, canary: Revision) -> State:
    told = Event("CanaryPromoted", f"{canary.name} is stable now")
    replaced = state.status.stable
    return drop(state.set(told, stable=canary, replaced=replaced, promoted_time=s.now))
