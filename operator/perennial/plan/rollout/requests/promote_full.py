"""promote-full: end all steps that are left."""

from perennial.plan.core import Event
from perennial.plan.rollout import before_traffic
from perennial.plan.rollout.goal import Strategy
from perennial.plan.rollout.requests.request import no_rollout, step_under_way, with_patience_anew
from perennial.plan.rollout.signature_check import CHANGED, UNKNOWN, accept
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.state import State, end_bake


def handle(s: DeploymentSnapshot, state: State, asked: str, strategy: Strategy) -> State:
    """Let the canary take over once its pods are ready; it is still measured until then."""
    if state.status.baking:
        return end_bake(state, Event("BakeEnded", f"the bake was ended by {asked}"))
    if step_under_way(state) is None:
        return no_rollout(state, "promote-full")
    state = with_patience_anew(state)
    if state.status.paused in (CHANGED, UNKNOWN):
        state = accept(s, state, asked)
    if state.status.paused == before_traffic.UNDECIDED:
        state = before_traffic.accept(s, state, asked)
    event = Event("StepsEnded", f"the remaining steps were ended by {asked}")
    state = state.set(event, paused="")
    return state.set(promoting=True, step=strategy.last_step(s))
