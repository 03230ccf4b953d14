"""abort: take back what is on trial."""

from perennial.plan.core import Event
from perennial.plan.rollout.goal import Strategy
from perennial.plan.rollout.requests.request import no_rollout, step_under_way
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.state import State, drop, is_undone, reject


def handle(s: DeploymentSnapshot, state: State, asked: str, strategy: Strategy) -> State:
    """Reject the canary; or, where that is an undo, leave what serves as it was."""
    if step_under_way(state) is None:
        return no_rollout(state, "abort")
    if is_undone(state.status):
        return drop(state).set(Event("UndoAborted", f"undo was aborted by {asked}"))
    return reject(s, state, "Aborted", f"aborted by {asked}")
