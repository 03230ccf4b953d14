"""pause: hold the share that is in force."""

from perennial.plan.core import Event
from perennial.plan.rollout.goal import Strategy
from perennial.plan.rollout.requests.request import no_rollout, step_under_way
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.state import REQUESTED, State, with_decision


def handle(s: DeploymentSnapshot, state: State, asked: str, strategy: Strategy) -> State:
    """Wait until a person resumes the rollout, or promotes its step."""
    if step_under_way(state) is None:
        return no_rollout(state, "pause")
    message, canary = f"paused by {asked}", state.status.canary
    if canary is not None:
        state = with_decision(s, state, "Paused", canary, REQUESTED, message)
    return state.set(Event("RolloutPaused", message), paused=REQUESTED)
