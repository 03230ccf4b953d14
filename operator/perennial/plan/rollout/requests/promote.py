"""promote: end the present step."""

from perennial.plan.core import Event
from perennial.plan.rollout import before_traffic
from perennial.plan.rollout.goal import Strategy
from perennial.plan.rollout.requests.request import no_rollout, step_under_way, with_patience_anew
from perennial.plan.rollout.signature_check import CHANGED, UNKNOWN, accept
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.state import State, end_bake


def handle(s: DeploymentSnapshot, state: State, asked: str, strategy: Strategy) -> State:
    """End the step, or the bake, whatever the analysis says; or accept what it lacks."""
    if state.status.baking:
        return end_bake(state, Event("BakeEnded", f"the bake was ended by {asked}"))
    step = step_under_way(state)
    if step is None:
        return no_rollout(state, "promote")
    if state.status.paused in (CHANGED, UNKNOWN):
        return accept(s, with_patience_anew(state), asked)
    if state.status.paused == before_traffic.UNDECIDED:
        return before_traffic.accept(s, state, asked)
    event = Event("StepPromoted", f"step {step.index + 1} was ended by {asked}")
    return strategy.next_step(s, with_patience_anew(state.set(event, paused="")))
