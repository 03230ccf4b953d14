"""retry: let what was rejected be tried again."""

from perennial.plan.core import Event
from perennial.plan.rollout.goal import Strategy
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.state import State


def handle(s: DeploymentSnapshot, state: State, asked: str, strategy: Strategy) -> State:
    """Forget the rejections."""
    count = len(state.status.rejected)
    message = f"{count} rejected revisions may be tried again, asked by {asked}"
    return state.set(Event("RetryAllowed", message), rejected=[])
