"""What is wanted while nothing is on trial, and of what served before."""

from dataclasses import replace

from perennial.api.deployment import DeploymentStatus
from perennial.api.values import seconds
from perennial.plan.rollout.goal import Arm, Goal
from perennial.plan.rollout.snapshot import REPLACED, DeploymentSnapshot

DRAIN_SECONDS = 30.0
"""How long what was replaced has its pods at least, though a successor waits for their end."""


def rest(s: DeploymentSnapshot, status: DeploymentStatus) -> Goal:
    """Return that stable answers alone, with all pods."""
    stable = status.stable
    assert stable is not None
    return Goal((Arm(stable.revision, "stable", 100, s.replicas),))


def with_replaced(s: DeploymentSnapshot, status: DeploymentStatus, goal: Goal, ends: bool) -> Goal:
    """Return a goal with what served before: its pods are kept for a while, and never more of them.

    Args:
        s: what is observed.
        status: under way.
        goal: what is wanted beside it.
        ends: something waits for its end.
    """
    replaced = status.replaced
    if replaced is None or s.workload(replaced.revision) is None:
        return goal
    if any(arm.revision == replaced.revision for arm in goal.arms):
        return goal
    pods = s.asked(replaced.revision) if kept_for(s, status, ends) > 0 else 0
    arm = Arm(replaced.revision, REPLACED, 0, min(pods, s.replicas))
    return replace(goal, arms=(*goal.arms, arm))


def kept_for(s: DeploymentSnapshot, status: DeploymentStatus, ends: bool) -> float:
    """Return the seconds for which the pods of what served before are still kept."""
    kept = seconds(s.deployment.spec.rollout.keep_replaced)
    passed = (s.now - (status.promoted_time or s.now)).total_seconds()
    return (min(kept, DRAIN_SECONDS) if ends else kept) - max(0.0, passed)


def replaced_has_pods(s: DeploymentSnapshot, status: DeploymentStatus) -> bool:
    """Tell whether what served before has pods yet."""
    replaced = status.replaced
    if replaced is None:
        return False
    return s.asked(replaced.revision) > 0 or s.ready_as_reported(replaced.revision) > 0
