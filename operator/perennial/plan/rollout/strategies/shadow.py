"""Shadow: copies of requests, whose answers nobody gets; then all of the traffic in one turn."""

from dataclasses import replace

from perennial.api.deployment import DeploymentStatus
from perennial.plan.core import Event
from perennial.plan.rollout import steps
from perennial.plan.rollout.before_traffic import is_due
from perennial.plan.rollout.goal import Goal, Seen
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.state import State
from perennial.plan.rollout.steps import first_step, last_step, next_step, shares

__all__ = ["advance", "first_step", "goal", "last_step", "next_step"]


def goal(s: DeploymentSnapshot, status: DeploymentStatus) -> Goal:
    """Return that stable answers alone, and the new version copies, until it takes over."""
    mirror = _mirror(s)
    found = shares(s, status, waiting=-(-s.replicas * mirror // 100))
    stable, shadow = found.arms
    is_checked = status.step is not None and not is_due(s, status)
    if shadow.share > 0 or shadow.pods == 0 or not is_checked:
        mirror = 0
    # By this role no header of a request chooses it.
    return Goal((stable, replace(shadow, role="shadow", mirror=mirror)))


def advance(s: DeploymentSnapshot, state: State, seen: Seen) -> State:
    """Look once; its time passes while copies are seen to be sent to it."""
    canary = state.status.canary
    assert canary is not None
    if not seen.routed and not state.status.promoting:
        seen = replace(seen, complete=seen.complete - {canary.revision})
    found = steps.advance(s, state, seen)
    if state.status.weight is not None or found.status.weight is None:
        return found
    message = (
        f"{canary.name} is sent a copy of {_mirror(s)} % of the requests; nobody gets its answers"
    )
    return replace(found, events=(*state.events, Event("MirrorSet", message)))


def _mirror(s: DeploymentSnapshot) -> int:
    """Return the share of the requests that are copied, in percent."""
    shadow = s.deployment.spec.rollout.shadow
    return shadow.mirror if shadow is not None else 0
