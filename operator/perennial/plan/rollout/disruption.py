"""How many of the pods that have requests may be evicted at a time."""

from perennial.api.deployment import DeploymentStatus
from perennial.api.values import Json
from perennial.plan.core import Finding
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.serving.disruption import disruption_budget


def budget(
    s: DeploymentSnapshot, status: DeploymentStatus, reached: frozenset[str]
) -> tuple[Json, ...]:
    """Return the PodDisruptionBudget, where one is asked for.

    It is over the pods that requests reach, of whatever version: those that only stand by, or are
    yet without traffic, neither hold a drain up nor make good for one that has requests.
    """
    asked, stable = s.deployment.spec.disruption_budget, status.stable
    if asked is None or stable is None:
        return ()
    return (disruption_budget(s.deployment, asked, reached or {stable.revision}),)


def no_eviction(s: DeploymentSnapshot) -> Finding | None:
    """Return that a budget lets no pod go at all, None where it lets one."""
    asked = s.deployment.spec.disruption_budget
    if asked is None or s.replicas == 0 or asked.evictable(s.replicas) > 0:
        return None
    part = f"minAvailable: {asked.min_available}"
    if asked.max_unavailable is not None:
        part = f"maxUnavailable: {asked.max_unavailable}"
    message = (
        f"disruptionBudget ({part}) lets none of {s.replicas} pods be evicted, so that no node "
        "with one can be drained: let one go, or have more replicas"
    )
    return Finding("NoEvictionAllowed", message)
