"""The bake: what was promoted is watched for a while, and what it replaced takes over if it fails.

Nothing is compared, since what was replaced has no traffic: crashes count, and limits.
"""

from perennial.api.deployment import DeploymentStatus
from perennial.api.values import seconds
from perennial.plan.core import Event
from perennial.plan.rollout.analysis.verdict import measure
from perennial.plan.rollout.goal import Strategy
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.state import State, end_bake, go_back
from perennial.plan.rollout.traffic import traffic_of


def watch(s: DeploymentSnapshot, state: State, strategy: Strategy) -> State:
    """Look once at what was promoted: go back to what it replaced, or end the bake in time."""
    status = state.status
    if not status.rollout.baking:
        return state
    stable = status.stable
    if not status.baking or stable is None or status.replaced is None:
        return state.set(baking="")  # something else serves, or is on trial
    if s.deployment.spec.rollout.bake is None or s.replicas == 0:
        return end_bake(state)

    def fail(s: DeploymentSnapshot, state: State, reason: str, message: str) -> State:
        why = f"{message} (after its promotion, in the bake)"
        text = f"{stable.name} was rolled back: {why}"
        state = state.set(Event("RolledBack", text, "Warning"))
        return go_back(s, state, strategy.last_step(s), reason, why)

    trouble = s.trouble(stable.revision)
    if trouble is not None and trouble.final and trouble.blame == "Model":
        return fail(s, state, trouble.reason, trouble.message)
    state = measure(s, state, traffic_of(s.deployment).reached(s), fail)
    if state.status.baking and bake_left(s, status) <= 0:
        message = f"{stable.name} was watched after its promotion: {_summary(state.status)}"
        return end_bake(state, Event("Baked", message))
    return state


def bake_left(s: DeploymentSnapshot, status: DeploymentStatus) -> float:
    """Return the seconds that are left of the bake."""
    lasts = seconds(s.deployment.spec.rollout.bake or "0s")
    return lasts - max(0.0, (s.now - (status.promoted_time or s.now)).total_seconds())


def _summary(status: DeploymentStatus) -> str:
    """Return what was found, which may be little: nothing is called good for want of evidence."""
    metrics = status.analysis.metrics if status.analysis is not None else []
    if not metrics:
        return "no metric with a limit is asked for, and its pods did not fail"
    return "; ".join(f"{m.verdict}: {m.message}" for m in metrics)
