"""undo: go back to what served before."""

from perennial.plan.core import Event
from perennial.plan.rollout.goal import Strategy
from perennial.plan.rollout.requests.request import nothing_to_do
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.state import State, go_back, is_undone, reject, rejection


def handle(s: DeploymentSnapshot, state: State, asked: str, strategy: Strategy) -> State:
    """Go back by a canary that has no steps; one under way just ends."""
    status, stable, earlier = state.status, state.status.stable, state.status.replaced
    if status.canary is not None and not is_undone(status):
        return reject(s, state, "Undone", f"undone by {asked}")
    if status.canary is not None:
        return nothing_to_do(state, f"undo: {status.canary.name} is under way already")
    if stable is None or earlier is None:
        return nothing_to_do(state, "undo: no earlier version is known")
    if rejection(status, earlier.revision) is not None:
        message = f"{earlier.name}, the earlier version, was rejected itself: ask for retry first"
        return nothing_to_do(state, f"undo: {message}")
    message = f"{stable.name} is undone by {asked}: {earlier.name} takes over at once"
    state = state.set(Event("UndoStarted", message))
    return go_back(s, state, strategy.last_step(s), "Undone", f"undone by {asked}")
