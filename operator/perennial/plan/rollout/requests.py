"""What people ask for, each request once: docs/requests.md."""

from dataclasses import replace

from perennial.plan.core import Event, request_of
from perennial.plan.record import counted
from perennial.plan.rollout.desired import wanted
from perennial.plan.rollout.goal import Strategy
from perennial.plan.rollout.signature_check import CHANGED, UNKNOWN, accept
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.state import (
    PAUSE_STEP,
    REQUESTED,
    State,
    drop,
    is_undone,
    reject,
    rejection,
    with_rejection,
)
from perennial.plan.workload import recorded

VERBS = ("promote", "promote-full", "pause", "resume", "abort", "retry", "undo", "refresh")


def take_request(s: DeploymentSnapshot, state: State, strategy: Strategy) -> State:
    """Handle a person's request once."""
    request = request_of(s.deployment.metadata.annotations, state.status.last_request)
    if request is None:
        return state
    verb, text = request
    state = state.set(last_request=text)
    status, step = state.status, state.status.step
    if verb not in VERBS:
        told = f"{verb} is unknown here; known are {', '.join(VERBS)}"
        return state.set(Event("UnknownRequest", told, "Warning"))
    if verb == "retry":
        told = f"{len(status.rejected)} rejected revisions may be tried again, asked by {text}"
        return state.set(Event("RetryAllowed", told), rejected=[])
    if verb == "undo":
        return _undo(s, state, text, strategy)
    if verb == "refresh":
        return _refresh(s, state, text)
    if status.canary is None or step is None:
        told = f"{verb}: no rollout is under way"
        return state.set(Event("NothingToDo", told, "Warning"))
    if verb == "abort":
        if is_undone(status):
            return drop(state).set(Event("UndoAborted", f"undo was aborted by {text}"))
        return reject(s, state, "Aborted", f"aborted by {text}")
    if verb == "pause":
        return state.set(Event("RolloutPaused", f"paused by {text}"), paused=REQUESTED)
    if verb == "resume":
        if not status.paused:
            return state.set(Event("NothingToDo", "resume: the rollout is not paused", "Warning"))
        if status.paused == CHANGED:
            told = "resume: clients would notice the new signature: promote accepts it"
            return state.set(Event("NothingToDo", told, "Warning"))
        state = _heard_anew(state.set(Event("RolloutResumed", f"resumed by {text}"), paused=""))
        if status.paused == PAUSE_STEP:
            return strategy.next_step(s, state)
        # Its time to become ready, and to be decided, begin anew.
        anew = {"scaling_since": s.now, "waiting_since": s.now}
        return state.set(step=step.model_copy(update=anew))
    if status.paused in (CHANGED, UNKNOWN):
        state = accept(s, _heard_anew(state), text)
        if verb == "promote":
            return state
    if verb == "promote-full":
        told = f"the remaining steps were ended by {text}"
        last = strategy.last_step(s)
        state = _heard_anew(state.set(Event("StepsEnded", told), paused=""))
        return state.set(promoting=True, step=last)
    told = f"step {step.index + 1} was ended by {text}"
    return strategy.next_step(s, _heard_anew(state.set(Event("StepPromoted", told), paused="")))


def _heard_anew(state: State) -> State:
    """Return the state with as much time anew for pods that do not answer."""
    found = state.status.analysis
    if found is None or found.silent_time is None:
        return state
    return state.set(analysis=found.model_copy(update={"silent_time": None}))


def _undo(s: DeploymentSnapshot, state: State, text: str, strategy: Strategy) -> State:
    """Go back to what served before, by a canary that has no steps; one under way just ends."""
    status, stable, earlier = state.status, state.status.stable, state.status.replaced
    if status.canary is not None and not is_undone(status):
        return reject(s, state, "Undone", f"undone by {text}")
    told = ""
    if status.canary is not None:
        told = f"{status.canary.name} is under way already"
    elif stable is None or earlier is None:
        told = "no earlier version is known"
    elif rejection(status, earlier.revision) is not None:
        told = f"{earlier.name}, the earlier version, was rejected itself: ask for retry first"
    if told or stable is None or earlier is None:
        return state.set(Event("NothingToDo", f"undo: {told}", "Warning"))
    told = f"{stable.name} is undone by {text}: {earlier.name} takes over at once"
    return state.set(
        Event("UndoStarted", told),
        canary=earlier.model_copy(update={"start_time": s.now}),
        step=strategy.last_step(s),
        promoting=True,
        rejected=with_rejection(s, status, stable, "Undone", f"undone by {text}"),
    )


def _refresh(s: DeploymentSnapshot, state: State, text: str) -> State:
    """Record what is wanted anew, as the present operator makes it; the rollout does the rest."""
    revision = wanted(s, state.status).revision
    if revision is None:
        return state.set(Event("NothingToDo", "refresh: nothing is wanted yet", "Warning"))
    if any(record.asked == text for record in s.records):
        return state  # recorded before the status could say so
    written, count = counted(revision.revision)
    revision = revision.model_copy(update={"revision": f"{written}-{count + 1}"})
    record = recorded(s.deployment, revision, s.settings, text)
    told = f"{revision.name} is made anew with the newest serving image, asked by {text}"
    state = state.set(Event("RefreshStarted", told))
    return replace(state, create=(*state.create, record))
