"""What the cluster or the store keeps from starting: it is waited for, and rejects no version.

A try that is hindered lasts as long as all before it, a progress deadline at least and eight of
them at most, so that tries come at growing gaps. How long that is follows from when the revision
was recorded: nothing counts the tries.
"""

from datetime import datetime, timedelta

from perennial.api.deployment import DeploymentStatus, Revision
from perennial.api.values import seconds
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.state import State, is_undone

LONGEST_IN_DEADLINES = 8


def note_hindrance(s: DeploymentSnapshot, state: State) -> State:
    """Note since when pods are hindered; their time to become ready begins when that has ended."""
    status, step = state.status, state.status.step
    canary, stable = status.canary, status.stable
    if canary is not None and (noted := _noted(s, canary)) != canary:
        state = state.set(canary=noted)
        if noted.hindered_since is None and step is not None:
            state = state.set(step=step.model_copy(update={"scaling_since": s.now}))
    if stable is not None and status.promoted_time is None:
        noted = _noted(s, stable)
        if noted.hindered_since is None and stable.hindered_since is not None:
            noted = noted.model_copy(update={"start_time": s.now})
        state = state.set(stable=noted) if noted != stable else state
    return state


def _noted(s: DeploymentSnapshot, revision: Revision) -> Revision:
    """Return a revision with since when it is hindered, None where it is not."""
    why, since = s.trouble(revision.revision), revision.hindered_since
    if why is None or why.blame == "Model":
        since = None
    elif since is None:
        since = s.now.replace(microsecond=0)  # as it is stored: what is told of it stays so
    return revision.model_copy(update={"hindered_since": since})


def tried_again(
    s: DeploymentSnapshot, status: DeploymentStatus, canary: Revision
) -> datetime | None:
    """Return when a canary that is hindered is tried again, None where it is not hindered."""
    since = canary.hindered_since
    if since is None:
        return None
    deadline, record = _deadline(s), s.record(canary.revision)
    tried = deadline
    if record is not None and record.created and not is_undone(status):
        # An undo is not tried again: what serves goes on.
        tried = since - datetime.fromisoformat(record.created)
    return since + max(deadline, min(tried, LONGEST_IN_DEADLINES * deadline))


def gives_way(s: DeploymentSnapshot, canary: Revision) -> bool:
    """Tell whether a canary has been hindered for so long that a newer version takes its place."""
    since = canary.hindered_since
    return since is not None and s.now - since > _deadline(s)


def _deadline(s: DeploymentSnapshot) -> timedelta:
    return timedelta(seconds=seconds(s.deployment.spec.rollout.progress_deadline))
