"""The status under way, and how a canary leaves it."""

from dataclasses import dataclass, replace

from perennial.api.deployment import DeploymentStatus, Rejection, Revision, StepStatus
from perennial.api.values import seconds
from perennial.plan.core import Event, Finding
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.serving.revision import Record

REJECTIONS_KEPT = 5
REQUESTED, PAUSE_STEP = "Requested", "CanaryPauseStep"
"""Why a rollout is paused: a person asked for it, or a step does."""
DEADLINE = "DeadlineExceeded"
"""Why a rollout was given up that nothing speaks against: its version is not refuted."""


@dataclass(frozen=True)
class State:
    """The status under way, with what is to be told about it."""

    status: DeploymentStatus
    events: tuple[Event, ...] = ()
    create: tuple[Record, ...] = ()
    problem: Finding | None = None
    waiting: Finding | None = None

    def set(self, *events: Event, **changes: object) -> "State":
        """Return the state with a changed status and more to tell."""
        status = self.status.having(**changes)
        return replace(self, status=status, events=(*self.events, *events))


def time_left(s: DeploymentSnapshot, canary: Revision) -> float:
    """Return the seconds that are left to a rollout."""
    passed = (s.now - (canary.start_time or s.now)).total_seconds()
    return seconds(s.deployment.spec.rollout.deadline) - max(0.0, passed)


def drop(state: State) -> State:
    """Take the canary away without a rejection; it leaves the Service first, then goes.

    What serves on is not rejected: an undo that failed leaves it as it was.
    """
    stable = state.status.stable
    rejected = [r for r in state.status.rejected if not stable or r.revision != stable.revision]
    return state.set(
        canary=None,
        step=None,
        weight=None,
        promoting=False,
        paused="",
        analysis=None,
        signature=None,
        before_traffic=None,
        traffic="",
        baking="",
        rejected=rejected,
    )


def reject(s: DeploymentSnapshot, state: State, reason: str, message: str) -> State:
    """Take the canary away, and do not try it again."""
    canary = state.status.canary
    assert canary is not None
    text = f"{canary.name} was rolled back: {message}"
    state = drop(state).set(Event("RolledBack", text, "Warning"))
    return state.set(rejected=with_rejection(s, state.status, canary, reason, message))


def overdue(s: DeploymentSnapshot, state: State, why: Finding | None) -> State:
    """Give up what did not become ready in time; without a rejection where others are to blame."""
    if why is not None and why.blame != "Model":
        # Not the model's fault: no rejection, so that the next pass tries it, or a newer one.
        return drop(state).set(Event(why.reason, why.message, "Warning"))
    message = f"{why.reason}: {why.message}" if why else "its pods did not become ready in time"
    return reject(s, state, "ProgressDeadlineExceeded", message)


def promote(s: DeploymentSnapshot, state: State, canary: Revision) -> State:
    """Let what was on trial be stable; what is new is watched for a while, where that is asked."""
    event = Event("CanaryPromoted", f"{canary.name} is stable now")
    replaced, before = state.status.stable, state.status.replaced
    goes_back = is_undone(state.status) or (before and before.revision == canary.revision)
    bakes = s.deployment.spec.rollout.bake is not None and not goes_back
    state = state.set(event, stable=canary, replaced=replaced, promoted_time=s.now)
    return drop(state).set(baking=canary.revision if bakes else "")


def end_bake(state: State, *events: Event) -> State:
    """Watch what was promoted no longer."""
    return state.set(*events, baking="", analysis=None)


def go_back(
    s: DeploymentSnapshot, state: State, step: StepStatus, reason: str, message: str
) -> State:
    """Reject what is stable, and let what it replaced take over, as a canary without steps.

    Args:
        s: what is observed.
        state: under way, with no canary, and with what was replaced.
        step: where a canary stands that needs no steps.
        reason: why stable is rejected, in one word.
        message: why, in a sentence.
    """
    status, stable, earlier = state.status, state.status.stable, state.status.replaced
    assert stable is not None and earlier is not None
    return drop(state).set(
        canary=earlier.model_copy(update={"start_time": s.now}),
        step=step,
        promoting=True,
        rejected=with_rejection(s, status, stable, reason, message),
    )


def with_rejection(
    s: DeploymentSnapshot, status: DeploymentStatus, revision: Revision, reason: str, message: str
) -> list[Rejection]:
    """Return the rejections with one more."""
    rejection = Rejection(
        revision=revision.revision,
        version=revision.version,
        reason=reason,
        message=message,
        time=s.now,
    )
    return [*status.rejected, rejection][-REJECTIONS_KEPT:]


def rejection(status: DeploymentStatus, revision: str) -> Rejection | None:
    """Return why a revision was rejected, None where it was not."""
    return next((r for r in status.rejected if r.revision == revision), None)


def is_undone(status: DeploymentStatus) -> bool:
    """Tell whether stable is being undone: it is rejected only while its successor gets ready."""
    return status.stable is not None and rejection(status, status.stable.revision) is not None
