"""Which revision is on trial: it begins, gives way to another, or is given up."""

from datetime import datetime

from perennial.api.deployment import DeploymentStatus, Revision
from perennial.api.values import seconds
from perennial.plan.core import Event
from perennial.plan.rollout import before_traffic
from perennial.plan.rollout.analysis.verdict import measure
from perennial.plan.rollout.goal import Strategy
from perennial.plan.rollout.hindrance import gives_way
from perennial.plan.rollout.rest import replaced_has_pods
from perennial.plan.rollout.signature_check import (
    is_recorded_as_changed,
    passed,
    unchecked,
)
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.state import (
    DEADLINE,
    State,
    drop,
    end_bake,
    is_undone,
    overdue,
    reject,
    rejection,
    time_left,
)
from perennial.plan.rollout.traffic import traffic_of
from perennial.plan.serving.revision import as_written, counted


def choose(
    s: DeploymentSnapshot, state: State, desired: Revision, strategy: Strategy, is_alone: bool
) -> State:
    """Begin a trial of what is wanted, let one go on, or drop it.

    Args:
        s: what is observed.
        state: under way.
        desired: what the spec wants, other than stable.
        strategy: how a trial goes.
        is_alone: requests were seen to reach stable alone.
    """
    status, canary = state.status, state.status.canary
    if rejection(status, desired.revision) is not None:
        return drop(state) if canary else state
    if status.promoted_time is None:
        # Nothing serves, so there is nothing to protect: begin anew with what is wanted.
        return drop(state).set(stable=desired)
    if canary is not None and (canary.revision == desired.revision or _finishes(s, canary)):
        return state
    if s.replicas == 0 and not is_recorded_as_changed(s, desired):
        return drop(state).set(stable=desired, replaced=status.stable)
    if canary is not None:
        return drop(state)  # the next pass begins anew against stable
    if status.baking and not _was_replaced(status, desired):
        assert status.stable is not None
        if _is_the_trainings_wish(s, status.stable):
            return state
        state = end_bake(state)  # as an edit in mid-canary drops that
    if replaced_has_pods(s, status):
        return _back(s, state, desired, strategy)
    if not is_alone and not _keeps_what_failed(s, state):
        return state  # what opens for the canary would open for what is still there, too
    event = Event("CanaryStarted", f"canary of {desired.name} started")
    step = strategy.first_step(s)
    state = state.set(event, canary=desired, step=step, promoting=False, paused="")
    # Where what was taken back still answers, a first pod of this has requests at once.
    return unchecked(s, state) if not is_alone and s.status.failed is not None else state


def judge(s: DeploymentSnapshot, state: State) -> State:
    """Give up what is on trial where its time is over, its pods are broken, or it is worse."""
    status, canary = state.status, state.status.canary
    if canary is None:
        return state
    if s.replicas == 0 and not is_undone(status):
        return _timed(state, canary, None)  # while there are to be no pods, no time passes
    if canary.start_time is None:
        return _timed(state, canary, s.now)
    why = s.trouble(canary.revision)
    if time_left(s, canary) <= 0 and not is_undone(status):
        if canary.hindered_since is not None:
            return overdue(s, state, why)
        most = s.deployment.spec.rollout.deadline
        message = f"the rollout did not end within {most}; ask for retry to try again"
        return reject(s, state, DEADLINE, message)
    if why is not None and why.final:
        return reject(s, state, why.reason, why.message)
    return measure(s, state, traffic_of(s.deployment).reached(s))


def _timed(state: State, canary: Revision, start: datetime | None) -> State:
    if canary.start_time == start:
        return state
    return state.set(canary=canary.model_copy(update={"start_time": start}))


def _finishes(s: DeploymentSnapshot, canary: Revision) -> bool:
    """Tell whether a newer version waits for the end of the one on trial."""
    waits = s.deployment.spec.rollout.on_new_version == "Finish" and not gives_way(s, canary)
    return waits and _is_the_trainings_wish(s, canary)


def _is_the_trainings_wish(s: DeploymentSnapshot, present: Revision) -> bool:
    """Tell whether what is wanted instead of a revision is a newer version, and no edit."""
    same_settings = counted(present.revision)[0] == as_written(s.deployment, present.artifact)
    return same_settings and s.deployment.spec.model.training_ref is not None


def _back(s: DeploymentSnapshot, state: State, desired: Revision, strategy: Strategy) -> State:
    """Go back to what served before, while its pods are kept; wait for the end of any other."""
    stable = state.status.stable
    if stable is None or not _was_replaced(state.status, desired):
        return state
    if s.asked(desired.revision) == 0:
        return state
    event = Event("ReturnStarted", f"{desired.name} has its pods yet and takes over again at once")
    return state.set(
        event,
        canary=desired,
        step=strategy.last_step(s),
        promoting=True,
        paused="",
        signature=passed(stable, desired),
        before_traffic=before_traffic.skipped(s, desired),
    )


def _was_replaced(status: DeploymentStatus, desired: Revision) -> bool:
    replaced = status.replaced
    return replaced is not None and replaced.revision == desired.revision


def _keeps_what_failed(s: DeploymentSnapshot, state: State) -> bool:
    """Tell whether stable cannot take over from what was taken back: what is wanted is tried."""
    stable = state.status.stable
    if stable is None or s.ready_as_reported(stable.revision) == 0:
        return True
    left = left_to_take_over(s, state.status)
    return left is not None and left < 0


def left_to_take_over(s: DeploymentSnapshot, status: DeploymentStatus) -> float | None:
    """Return the seconds that stable has yet to take over from what was taken back, if anything."""
    if not status.rejected:
        return None
    waited = (s.now - status.rejected[-1].time).total_seconds()
    return seconds(s.deployment.spec.rollout.progress_deadline) - waited
