"""Going back because a DriftMonitor asks for it: what serves has decayed since it took over.

The ask stands in the monitor's status, and is heeded for as long as it is open there. It is told to
be done by what it leaves: another revision serves, or a decision says that stable was taken back.
"""

from perennial.api.deployment import DeploymentStatus, Revision
from perennial.api.monitor import DriftMonitor
from perennial.plan.core import Event
from perennial.plan.rollout.goal import Strategy
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.state import State, go_back, rejection

REASON = "Decayed"


def heed(s: DeploymentSnapshot, state: State, strategy: Strategy) -> State:
    """Go back to what served before, where a monitor asks for it and nothing is under way."""
    status = state.status
    stable, earlier = status.stable, status.replaced
    is_busy = status.canary is not None or status.baking or bool(status.variants)
    if stable is None or earlier is None or is_busy or s.replicas == 0:
        return state
    if rejection(status, earlier.revision) is not None:
        return state
    asks = next((m for m in s.monitors if _asks(m, s, status, stable, earlier)), None)
    if asks is None or asks.status.rollback is None:
        return state
    why = f"DriftMonitor {asks.metadata.name} asked for it: {asks.status.rollback.message}"
    message = f"{stable.name} was rolled back: {earlier.name} takes over at once. {why}"
    state = state.set(Event("RolledBack", message, "Warning"))
    return go_back(s, state, strategy.last_step(s), REASON, why)


def _asks(
    monitor: DriftMonitor,
    s: DeploymentSnapshot,
    status: DeploymentStatus,
    stable: Revision,
    earlier: Revision,
) -> bool:
    """Tell whether a monitor asks for this, and it was not done yet."""
    asked, actions = monitor.status.rollback, monitor.spec.actions
    if asked is None or actions.rollback is None or actions.mode != "Enforce":
        return False
    if (asked.revision, asked.to) != (stable.revision, earlier.revision):
        return False
    if not asked.is_open(s.now):
        return False
    if status.promoted_time is None or asked.time < status.promoted_time:
        return False
    return not any(
        d.decision == "RolledBack" and d.revision == stable.revision and d.time >= asked.time
        for d in status.decisions
    )
