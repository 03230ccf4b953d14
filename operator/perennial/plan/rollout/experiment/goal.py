"""Which revisions an experiment wants to have which share of the traffic."""

from perennial.api.deployment import DeploymentStatus
from perennial.api.deployment.status import STABLE
from perennial.plan.rollout.experiment.arms import running, taking_part
from perennial.plan.rollout.goal import Arm, Goal
from perennial.plan.rollout.snapshot import DeploymentSnapshot

ROLE = "variant"


def is_on(status: DeploymentStatus) -> bool:
    """Tell whether variants are to have pods: with traffic, or, at first, without."""
    known = status.experiment
    if known is None or known.result is not None or status.canary is not None:
        return False
    return known.waiting_since is not None or bool(running(known))


def is_wanted(s: DeploymentSnapshot, status: DeploymentStatus) -> bool:
    """Tell whether an experiment is asked for that has not ended."""
    known = status.experiment
    asked = s.deployment.spec.experiment is not None
    return asked and (known is None or known.result is None)


def goal(s: DeploymentSnapshot, status: DeploymentStatus) -> Goal:
    """Return the shares that are wanted where the experiment stands."""
    stable, known = status.stable, status.experiment
    assert stable is not None and known is not None
    has_traffic = bool(running(known))
    one = min(1, s.replicas)  # without a share, one pod shows whether it starts
    arms = []
    for arm in taking_part(known):
        share = arm.share.asked if has_traffic and arm.share is not None else 0
        if arm.name == STABLE:
            share = share if has_traffic else 100
            arms.append(Arm(stable.revision, STABLE, share, s.replicas))
        elif share or not has_traffic:
            arms.append(Arm(arm.revision, ROLE, share, s.replicas if share else one))
    return Goal(tuple(arms))
