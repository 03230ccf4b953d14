"""abort: take back what is on trial."""

from perennial.plan.core import Event
from perennial.plan.rollout.goal import Strategy
from perennial.plan.rollout.requests.request import no_rollout, step_under_way
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.state import State, drop, go_back, is_undone, reject


def handle(s: DeploymentSnapshot, state: State, asked: str, strategy: Strategy) -> State:
    """Reject the canary, or what bakes; where that is an undo, leave what serves as it was."""
    if state.status.baking and state.status.replaced is not None:
        state = state.set(Event("RolledBack", f"the bake was aborted by {asked}", "Warning"))
        return go_back(s, state, strategy.last_step(s), "Aborted", f"aborted by {asked}")
    if step_under_way(state) is None:
        return no_rollout(state, "abort")
    if is_undone(state.status):
        return drop(state).set(Event("UndoAborted", f"undo was aborted by {asked}"))
    return reject(s, state, "Aborted", f"aborted by {asked}")
