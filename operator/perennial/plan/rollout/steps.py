"""A trial that goes by steps: shares of the traffic, with pauses in between, then the promotion.

A strategy that goes so says which pods there are before the first share; the rest is here.
"""

import hashlib
import json

from perennial.api.deployment import DeploymentStatus, Revision, Rollout, Share, StepStatus
from perennial.api.values import seconds
from perennial.plan.core import REQUEST_ANNOTATION, Event
from perennial.plan.rollout import before_traffic
from perennial.plan.rollout.analysis.verdict import decision, is_suspected
from perennial.plan.rollout.goal import Arm, Goal, Seen
from perennial.plan.rollout.hindrance import tried_again
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.state import (
    PAUSE_STEP,
    State,
    is_undone,
    listed,
    measured,
    overdue,
    promote,
    with_decision,
)

UNDECIDED = "AnalysisUndecided"
FAR_POINTS = 5
"""A weight that is missed by more, or twice as large as asked for, is told."""


def shares(s: DeploymentSnapshot, status: DeploymentStatus, waiting: int) -> Goal:
    """Return the shares that are wanted where the canary stands.

    Args:
        s: what is observed.
        status: under way, with a canary.
        waiting: the canary's pods while it has no share.
    """
    stable, canary = status.stable, status.canary
    assert stable is not None and canary is not None
    weight = _weight(s, status)
    return Goal(
        (
            # At 100 % stable stands by, whole: a canary that fails goes back at once.
            Arm(stable.revision, "stable", 100 - weight, s.replicas),
            Arm(canary.revision, "canary", weight, s.replicas if weight > 0 else waiting),
        )
    )


def _weight(s: DeploymentSnapshot, status: DeploymentStatus) -> int:
    """Return the canary's share that is wanted: paused is the one in force."""
    if status.step is None or (s.replicas == 0 and not is_undone(status)):
        return 0
    if before_traffic.is_due(s, status):
        return 0
    if status.paused:
        return _in_force(status)
    return 100 if status.promoting else s.weight_at(status.step.index)


def _in_force(status: DeploymentStatus) -> int:
    """Return the newest share of the canary that was reached."""
    return status.weight.asked if status.weight is not None else 0


def first_step(s: DeploymentSnapshot) -> StepStatus:
    """Return where a trial begins."""
    return StepStatus(index=0, steps=hash_of(s.deployment.spec.rollout), scaling_since=s.now)


def last_step(s: DeploymentSnapshot) -> StepStatus:
    """Return where one stands that needs no steps."""
    return first_step(s).model_copy(update={"index": len(s.deployment.spec.rollout.steps) - 1})


def next_step(s: DeploymentSnapshot, state: State) -> State:
    """Go on to the next step, or, after the last one, to the promotion."""
    step = state.status.step or first_step(s)
    steps = s.deployment.spec.rollout.steps
    if step.index + 1 >= len(steps):
        scaling = step.model_copy(update={"scaling_since": s.now})
        return _with_message(state.set(promoting=True, step=scaling), "")
    following = StepStatus(index=step.index + 1, steps=step.steps, scaling_since=s.now)
    return _with_message(state.set(step=following), "")


def hash_of(rollout: Rollout) -> str:
    """Return a hash of the steps, by which an edit of them is noticed.

    Those of another strategy are others, whatever they say. Who knew none but canary named none.
    """
    steps = [s.model_dump(mode="json", exclude_none=True, exclude={"name"}) for s in rollout.steps]
    written = steps if rollout.strategy == "canary" else {rollout.strategy: steps}
    text = json.dumps(written, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def advance(s: DeploymentSnapshot, state: State, seen: Seen) -> State:
    """Look once at how far the canary's goal is so, and go on when its step is over."""
    status, canary = state.status, state.status.canary
    assert canary is not None
    step = status.step or first_step(s)
    if step.steps != hash_of(s.deployment.spec.rollout) and not is_undone(status):
        # It stands at a step of another list: its pods stay, its way begins anew.
        event = Event("StepsChanged", f"the steps have changed: {canary.name} begins anew")
        return state.set(event, step=first_step(s), weight=None, promoting=False, paused="")
    if s.replicas == 0 and not is_undone(status):
        # Without traffic nothing judges it: it goes on when there are pods again.
        return state.set(step=_held(s, step).model_copy(update={"scaling_since": None}))
    if step.scaling_since is None and step.start_time is None:
        step = step.model_copy(update={"scaling_since": s.now})
        state = state.set(step=step)
    if status.paused:
        return state
    if before_traffic.is_due(s, status):
        if canary.revision not in seen.complete:
            return _wait(s, state, step, seen)
        return before_traffic.advance(s, state, _waited(s, step))
    if status.promoting:
        is_ready = canary.revision in seen.complete
        return promote(s, state, canary) if is_ready else _wait(s, state, step, seen)
    if step.start_time is None:
        return _begin(s, state, step, seen)
    if canary.revision not in seen.complete or not (seen.routed or _weight(s, status) == 0):
        # Its pods went away, or more are wanted, or a hand turned the Service: what was counts.
        return state.set(step=_held(s, step))
    is_last = step.index == len(s.deployment.spec.rollout.steps) - 1
    if s.deployment.spec.rollout.steps[step.index].pause is None and not is_last:
        return next_step(s, state)
    return _hold(s, state, step)


def _begin(s: DeploymentSnapshot, state: State, step: StepStatus, seen: Seen) -> State:
    """Begin the step's time once its weight is in force."""
    status, weight = state.status, s.weight_at(step.index)
    stable, canary = status.stable, status.canary
    assert stable is not None and canary is not None
    shrinks = weight < _in_force(status)  # then stable needs its pods for what it takes over
    is_ready = canary.revision in seen.complete and (
        not shrinks or stable.revision in seen.complete
    )
    if not is_ready or not (seen.routed or weight == 0):
        return _wait(s, state, step, seen)
    started = step.model_copy(update={"start_time": s.now, "scaling_since": None})
    changed = status.weight is None or status.weight.asked != weight
    made = seen.makes.get(canary.revision, 0)
    events = _weight_set(s, weight, made, _shown_before(status, canary)) if changed else ()
    return state.set(*events, step=started, weight=Share(asked=weight, actual=made))


def _shown_before(status: DeploymentStatus, canary: Revision) -> str:
    """Return the numbers by which the canary went on from its last step; '' without any."""
    last = status.decisions[-1] if status.decisions else None
    if last is None or last.decision != "WentOn" or last.revision != canary.revision:
        return ""
    shown = listed([m.summary for m in last.metrics if m.summary])
    return f"; at {last.weight or 0} %: {shown}" if shown else ""


def _weight_set(s: DeploymentSnapshot, weight: int, made: int, shown: str) -> tuple[Event, ...]:
    """Tell of a new weight and why; and of one that so few pods come not even close to."""
    if weight == 0:
        return (Event("WeightSet", "canary is ready, and has no traffic yet"),)
    event = Event("WeightSet", f"canary takes {made} % of the traffic ({weight} % asked){shown}")
    if abs(made - weight) <= FAR_POINTS and made < 2 * weight + 1:
        return (event,)
    why = f"{weight} % was asked for, and {s.replicas} replicas make {made} %"
    return event, Event("WeightNotReachable", f"{why}: more of them come closer", "Warning")


def _held(s: DeploymentSnapshot, step: StepStatus) -> StepStatus:
    """Stop the step's time, which counts only while its weight is in force."""
    if step.start_time is None:
        return step
    served = _served(s, step)
    held = {"start_time": None, "served_seconds": served, "scaling_since": s.now}
    return step.model_copy(update=held)


def _served(s: DeploymentSnapshot, step: StepStatus) -> float:
    """Return the seconds that the step's weight was in force."""
    passed = (s.now - step.start_time).total_seconds() if step.start_time is not None else 0.0
    return step.served_seconds + max(0.0, passed)


def _hold(s: DeploymentSnapshot, state: State, step: StepStatus) -> State:
    """End the pause when its time is over and the verdicts allow it; the last step is one, too."""
    rollout, canary = s.deployment.spec.rollout, state.status.canary
    assert canary is not None
    pause = rollout.steps[step.index].pause
    if pause is not None and pause.duration is None:
        name = s.deployment.metadata.name
        how = f"kubectl annotate md {name} --overwrite {REQUEST_ANNOTATION}=promote/$(date +%s)"
        shown = measured(state.status)
        message = f"waits for a person: {how}" + (f" (by now: {shown})" if shown else "")
        state = with_decision(s, state, "Paused", canary, PAUSE_STEP, message)
        return state.set(Event("RolloutPaused", message), paused=PAUSE_STEP)
    lasts = seconds(pause.duration or "0s") if pause is not None else 0.0
    passed = _served(s, step)
    waited = passed - lasts
    if step.waiting_since is not None:
        waited = min(waited, (s.now - step.waiting_since).total_seconds())
    found = decision(s, state, pause_over=passed >= lasts, waited=max(0.0, waited))
    if passed < lasts:
        return state  # a pause lasts as long as it says
    if found.action == "GoOn":
        return next_step(s, _passed(s, state, found.message))
    if found.action == "Wait":
        return _with_message(state, found.message)
    if rollout.judging.undecided == "Promote" and not is_suspected(state.status):
        event = Event("PromotedUndecided", f"goes on without a verdict: {found.message}", "Warning")
        state = with_decision(s, state, "WentOn", canary, "Undecided", found.message)
        return next_step(s, state.set(event))
    event = Event("RolloutPaused", f"the analysis is undecided: {found.message}", "Warning")
    state = with_decision(s, state, "Paused", canary, UNDECIDED, found.message)
    return _with_message(state.set(event, paused=UNDECIDED), found.message)


def _passed(s: DeploymentSnapshot, state: State, why: str) -> State:
    """Record by which numbers a step is over; without any, its time alone was."""
    canary = state.status.canary
    if canary is None or not measured(state.status):
        return state
    return with_decision(s, state, "WentOn", canary, "StepPassed", why)


def _with_message(state: State, message: str) -> State:
    """Return the state with what the rollout waits for."""
    found = state.status.analysis
    if found is None or found.message == message:
        return state
    return state.set(analysis=found.model_copy(update={"message": message}))


def _wait(s: DeploymentSnapshot, state: State, step: StepStatus, seen: Seen) -> State:
    """Wait for pods, as long as they may take."""
    stable, canary = state.status.stable, state.status.canary
    assert stable is not None and canary is not None
    late = _waited(s, step) > seconds(s.deployment.spec.rollout.progress_deadline)
    if (again := tried_again(s, state.status, canary)) is not None:
        late = s.now >= again
    if not late:
        return state
    if canary.revision in seen.lacking:
        return overdue(s, state, s.trouble(canary.revision))
    return _stuck(s, state, stable) if stable.revision in seen.lacking else state


def _waited(s: DeploymentSnapshot, step: StepStatus) -> float:
    """Return the seconds for which a step has waited for its pods."""
    return (s.now - (step.scaling_since or s.now)).total_seconds()


def _stuck(s: DeploymentSnapshot, state: State, stable: Revision) -> State:
    """Let a person decide where the canary is sound, but stable has no room for its pods."""
    why = s.trouble(stable.revision)
    message = f"{stable.name} has not the pods for its share of the traffic"
    message += f": {why.message}" if why else ""
    return state.set(Event("RolloutPaused", message, "Warning"), paused="StableNotReady")
