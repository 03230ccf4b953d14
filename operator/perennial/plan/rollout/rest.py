"""What is wanted while nothing is on trial, and of what served before, or failed."""

from dataclasses import replace

from perennial.api.deployment import DeploymentStatus, Revision
from perennial.api.values import seconds
from perennial.plan.rollout.goal import Arm, Goal
from perennial.plan.rollout.snapshot import FAILED, REPLACED, DeploymentSnapshot
from perennial.plan.rollout.state import rejection

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


def with_failed(
    s: DeploymentSnapshot, status: DeploymentStatus, goal: Goal, reached: frozenset[str]
) -> Goal:
    """Return a goal with what was rolled back last, so that people can read its logs.

    While requests reach it, it has no part: it gives its pods as stable needs their room. What is
    left of them then stays for a while.
    """
    failed = kept_failed(s, status)
    if failed is None or failed.revision in reached:
        return goal
    arm = Arm(failed.revision, FAILED, 0, min(s.asked(failed.revision), s.replicas))
    return replace(goal, arms=(*goal.arms, arm))


def kept_failed(s: DeploymentSnapshot, status: DeploymentStatus) -> Revision | None:
    """Return what was rolled back last, while its pods are to stay; None where none are."""
    newest = status.rejected[-1].revision if status.rejected else ""
    named = (status.stable, status.canary, status.replaced, *status.variants)
    record = s.record(newest)
    if record is None or any(r is not None and r.revision == newest for r in named):
        return None
    stays = s.replicas > 0 and s.asked(newest) > 0 and failed_for(s, status) > 0
    return record.revision if stays and not _lacks_room(s, status) else None


def _lacks_room(s: DeploymentSnapshot, status: DeploymentStatus) -> bool:
    """Tell whether the cluster keeps what serves, or is on trial, from its pods."""
    named = (r.revision for r in (status.stable, status.canary) if r is not None)
    return any((why := s.trouble(r)) is not None and why.blame == "Cluster" for r in named)


def failed_for(s: DeploymentSnapshot, status: DeploymentStatus) -> float:
    """Return the seconds for which the pods of what was rolled back last are still kept."""
    kept = seconds(s.deployment.spec.rollout.keep_failed or "0s")
    passed = (s.now - status.rejected[-1].time).total_seconds() if status.rejected else kept
    return kept - max(0.0, passed)


def kept_for(s: DeploymentSnapshot, status: DeploymentStatus, ends: bool) -> float:
    """Return the seconds for which the pods of what served before are still kept."""
    rollout, replaced = s.deployment.spec.rollout, status.replaced
    kept = seconds(rollout.keep_replaced)
    if replaced is not None and rejection(status, replaced.revision) is not None:
        kept = max(kept, seconds(rollout.keep_failed or "0s"))  # it was undone, or failed its bake
    passed = (s.now - (status.promoted_time or s.now)).total_seconds()
    return (min(kept, DRAIN_SECONDS) if ends else kept) - max(0.0, passed)


def replaced_has_pods(s: DeploymentSnapshot, status: DeploymentStatus) -> bool:
    """Tell whether what served before has pods yet."""
    replaced = status.replaced
    if replaced is None:
        return False
    return s.asked(replaced.revision) > 0 or s.ready_as_reported(replaced.revision) > 0
