"""resume: go on after a pause."""

from perennial.plan.core import Event
from perennial.plan.rollout.goal import Strategy
from perennial.plan.rollout.requests.request import (
    no_rollout,
    nothing_to_do,
    step_under_way,
    with_patience_anew,
)
from perennial.plan.rollout.signature_check import CHANGED
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.state import PAUSE_STEP, State


def handle(s: DeploymentSnapshot, state: State, asked: str, strategy: Strategy) -> State:
    """End a pause; what waits for pods, or for a verdict, has its time anew."""
    status, step = state.status, step_under_way(state)
    if step is None:
        return no_rollout(state, "resume")
    if not status.paused:
        return nothing_to_do(state, "resume: the rollout is not paused")
    if status.paused == CHANGED:
        message = "clients would notice the new signature: promote accepts it"
        return nothing_to_do(state, f"resume: {message}")
    event = Event("RolloutResumed", f"resumed by {asked}")
    state = with_patience_anew(state.set(event, paused=""))
    if status.paused == PAUSE_STEP:
        return strategy.next_step(s, state)
    # Its time to become ready, and to be decided, begin anew.
    anew = {"scaling_since": s.now, "waiting_since": s.now}
    return state.set(step=step.model_copy(update=anew))
