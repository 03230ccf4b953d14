"""Blue-green: all pods beside stable's, without traffic, until they take all of it in one turn.

Where maxSurge has no room for all of them, the switch goes pod by pod: never less than replicas
answer, and that is worth more than the one turn.
"""

from perennial.api.deployment import DeploymentStatus
from perennial.plan.core import Event
from perennial.plan.rollout import steps
from perennial.plan.rollout.goal import Goal, Seen
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.state import State
from perennial.plan.rollout.steps import first_step, last_step, next_step, shares

__all__ = ["advance", "first_step", "goal", "last_step", "next_step", "not_at_once"]


def goal(s: DeploymentSnapshot, status: DeploymentStatus) -> Goal:
    """Return the shares that are wanted where the new version stands."""
    return shares(s, status, waiting=s.replicas)


def advance(s: DeploymentSnapshot, state: State, seen: Seen) -> State:
    """Look once; tell, as the preview begins, where the switch cannot be in one turn."""
    found = steps.advance(s, state, seen)
    message = not_at_once(s)
    begins = state.status.weight is None and found.status.weight is not None
    return found.set(Event("SwitchNotAtOnce", message, "Warning")) if begins and message else found


def not_at_once(s: DeploymentSnapshot) -> str:
    """Return why the switch is not in one turn, and what to do; '' where it is, or none comes."""
    rollout = s.deployment.spec.rollout
    beside = rollout.surge(s.replicas)
    if rollout.blue_green is None or beside >= s.replicas:
        return ""
    return (
        f"maxSurge {rollout.max_surge} leaves room for {beside} of {s.replicas} pods beside "
        "stable's, so that the switch goes pod by pod, while both versions answer: 100% lets it "
        "be in one turn"
    )
