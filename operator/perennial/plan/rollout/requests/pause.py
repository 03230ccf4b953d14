"""pause: hold the share that is in force."""

from perennial.plan.core import Event
from perennial.plan.rollout.goal import Strategy
from perennial.plan.rollout.requests.request import no_rollout, step_under_way
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.state import REQUESTED, State


def handle(s: DeploymentSnapshot, state: State, asked: str, strategy: Strategy) -> State:
    """Wait until a person resumes the rollout, or promotes its step."""
    if step_under_way(state) is None:
        return no_rollout(state, "pause")
    return state.set(Event("RolloutPaused", f"paused by {asked}"), paused=REQUESTED)
