"""The conditions of a ModelTraining: the first check that finds anything gives the reason."""

from dataclasses import dataclass, replace

from perennial.api.common import Condition
from perennial.api.training import RunStatus, TrainingStatus
from perennial.plan.core import Finding, condition, first, verdict
from perennial.plan.training.hindrance import hindrance
from perennial.plan.training.snapshot import TrainingSnapshot


@dataclass(frozen=True)
class Facts:
    """What the checks look at."""

    s: TrainingSnapshot
    status: TrainingStatus
    run: RunStatus | None
    """The run under way."""
    problem: Finding | None
    behind: bool
    """The spec was not trained yet."""
    held: Finding | None = None
    """Why the run's pods do not start."""
    stalled: Finding | None = None

    @property
    def missing(self) -> Finding | None:
        """Return why runs wait for feedback."""
        feedback = self.s.feedback
        if feedback is None or not feedback.missing or self.run is not None:
            return None
        return Finding(feedback.condition.reason, feedback.condition.message)

    @property
    def suspended(self) -> bool:
        """Tell whether no run is to start."""
        return self.s.training.spec.suspend


def facts(
    s: TrainingSnapshot, status: TrainingStatus, problem: Finding | None, behind: bool
) -> Facts:
    """Gather what the checks look at."""
    newest = status.run
    run = newest if newest is not None and newest.phase == "Fitting" else None
    held = hindrance(s, run) if run is not None else None
    found = Facts(s, status, run, problem, behind, held)
    return replace(found, stalled=first(STALLED, found))


def is_understood(f: Facts) -> Finding | None:
    """Make sure that the spec can be followed."""
    return f.problem


def has_had_success(f: Facts) -> Finding | None:
    """Make sure that some run has passed, once one has ended."""
    last = f.status.last_run
    if f.run is not None or f.status.champion is not None or last is None:
        return None
    return Finding(last.outcome, last.message)


STALLED = (is_understood, has_had_success)


def is_not_stalled(f: Facts) -> Finding | None:
    """Make sure that nothing stands in the way."""
    return f.stalled


def may_start(f: Facts) -> Finding | None:
    """Make sure that a first run may start."""
    if f.run is not None or not f.suspended:
        return None
    return Finding("Suspended", "set spec.suspend to false to start a run")


def has_its_feedback(f: Facts) -> Finding | None:
    """Make sure that what runs learn from is there."""
    return f.missing


def has_pods(f: Facts) -> Finding | None:
    """Make sure that the run's pods start."""
    return f.held


NOT_READY = (is_not_stalled, may_start, has_its_feedback, has_pods)


def conditions_of(
    s: TrainingSnapshot, status: TrainingStatus, problem: Finding | None, behind: bool
) -> list[Condition]:
    """Return what is the case; a run by schedule or drift is Training, never Reconciling.

    Else the health that GitOps tools show would flap at each retraining.
    """
    f = facts(s, status, problem, behind)
    feedback = [s.feedback.condition] if s.feedback is not None else []
    return [
        _ready(f),
        _training(f),
        _last_run(f),
        *feedback,
        _reconciling(f),
        verdict("Stalled", f.stalled is not None, f.stalled or Finding("Progressing")),
    ]


def _ready(f: Facts) -> Condition:
    champion, last = f.status.champion, f.status.last_run
    if champion is None:
        missing = first(NOT_READY, f) or Finding("FirstRun", "the first run is under way")
        return verdict("Ready", False, missing)
    message = f"{champion.version} is the champion, {champion.summary}"
    if last is not None and last.outcome != "Promoted":
        message += f"; run {last.number} did not replace it: {last.message}"
    return condition("Ready", True, last.outcome if last is not None else "Promoted", message)


def _training(f: Facts) -> Condition:
    if f.run is None:
        return condition("Training", False, "Idle", "no run is under way")
    held = f"; its pods do not start: {f.held.message}" if f.held is not None else ""
    message = f"run {f.run.number}: {f.run.reason}{held}"
    return condition("Training", True, f.run.trigger, message)


def _last_run(f: Facts) -> Condition:
    last = f.status.last_run
    if last is None:
        return condition("LastRunSucceeded", None, "NoRun", "no run has ended yet")
    return condition("LastRunSucceeded", last.outcome == "Promoted", last.outcome, last.message)


def _reconciling(f: Facts) -> Condition:
    if f.stalled is not None:
        return condition("Reconciling", False, "Stalled")
    if f.missing is not None and f.behind and not f.suspended:
        return verdict("Reconciling", True, f.missing)
    first_run = f.run is not None and f.run.trigger == "Spec"
    if (first_run or f.behind) and not f.suspended:
        return condition("Reconciling", True, "RunUnderWay", "the spec is being trained")
    return condition("Reconciling", False, "UpToDate")
