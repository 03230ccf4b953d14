"""The status under way, and how a canary leaves it."""

from dataclasses import dataclass, replace
from typing import Literal

from perennial.api.deployment import Decided, DeploymentStatus, Rejection, Revision, StepStatus
from perennial.api.measured import MeasuredMetric
from perennial.api.values import seconds
from perennial.plan.core import Event, Finding
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.serving.revision import Record

REJECTIONS_KEPT = 5
DECISIONS_KEPT = 8
TOLD = 4
"""Metrics whose numbers an Event tells."""
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
    state = with_decision(s, state, "RolledBack", canary, reason, message)
    text = f"{canary.name} was rolled back{_at(state.status)}: {_why(state.status, message)}"
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
    shown = measured(state.status)
    text = f"{canary.name} is stable now" + (f": {shown}" if shown else "")
    event = Event("CanaryPromoted", text)
    state = with_decision(s, state, "Promoted", canary, "Promoted", text)
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
    state = with_decision(s, state, "RolledBack", stable, reason, message)
    return drop(state).set(
        canary=earlier.model_copy(update={"start_time": s.now}),
        step=step,
        promoting=True,
        rejected=with_rejection(s, status, stable, reason, message),
    )


def with_decision(
    s: DeploymentSnapshot,
    state: State,
    decision: Literal["WentOn", "Paused", "Promoted", "RolledBack"],
    revision: Revision,
    reason: str,
    message: str,
) -> State:
    """Return the state with a decision about a revision, and the numbers behind it."""
    status = state.status
    found = status.analysis.metrics if status.analysis is not None else []
    share = revision.share
    judged = s.deployment.spec.rollout.judging.judged
    of_requests = {asked.name for asked in judged if asked.counts_requests}
    decided = Decided(
        decision=decision,
        revision=revision.revision,
        version=revision.version,
        reason=reason,
        message=message,
        weight=share.asked if share is not None else None,
        requests=max((m.requests for m in found if m.name in of_requests), default=0),
        time=s.now,
        metrics=[MeasuredMetric.model_validate(m.__dict__) for m in found],
    )
    return state.set(decisions=[*status.decisions, decided][-DECISIONS_KEPT:])


def measured(status: DeploymentStatus) -> str:
    """Return what was measured by now, in a sentence; '' where nothing was."""
    found = status.analysis.metrics if status.analysis is not None else []
    return listed([m.summary for m in found if m.summary])


def _why(status: DeploymentStatus, message: str) -> str:
    """Return the numbers of what failed, else why it goes."""
    found = status.analysis.metrics if status.analysis is not None else []
    failed = [m.summary for m in found if m.verdict == "Failed" and m.message in message]
    return listed(failed) or message


def listed(told: list[str]) -> str:
    """Return what some metrics say, of many the first."""
    more = [f"and {len(told) - TOLD} more"] if len(told) > TOLD else []
    return "; ".join([*told[:TOLD], *more])


def _at(status: DeploymentStatus) -> str:
    return f" at {status.weight.asked} %" if status.weight is not None else ""


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
