"""Which pods are to let their clients go: those that requests were seen to be turned away from.

A Service that is turned cuts no connection, so that clients stay with pods that are kept.
"""

from perennial.plan.core.questions import address_of, is_ready, name_of, revision_of
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.traffic import traffic_of


def turned_away(s: DeploymentSnapshot) -> dict[str, str]:
    """Return the addresses of ready pods that no new connection leads to, by their names."""
    if s.service is None:
        return {}
    reached = traffic_of(s.deployment).reached(s)
    left = [p for p in s.pods if is_ready(p) and revision_of(p) not in reached]
    return {name_of(p): address_of(p) for p in left}
