"""A canary: shares of the traffic that grow; before the first, one pod shows whether it starts."""

from perennial.api.deployment import DeploymentStatus
from perennial.plan.rollout.goal import Goal
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.steps import advance, first_step, last_step, next_step, shares

__all__ = ["advance", "first_step", "goal", "last_step", "next_step"]


def goal(s: DeploymentSnapshot, status: DeploymentStatus) -> Goal:
    """Return the shares that are wanted where the canary stands."""
    return shares(s, status, waiting=min(1, s.replicas))
