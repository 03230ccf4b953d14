"""The conditions of a ModelTraining."""

from perennial.api.base import Condition
from perennial.api.training import TrainingStatus
from perennial.plan.core import condition
from perennial.plan.podhealth import not_starting
from perennial.plan.training.results import pods_of
from perennial.plan.training.snapshot import TrainingSnapshot


def conditions_of(
    s: TrainingSnapshot, status: TrainingStatus, stalled: tuple[str, str] | None
) -> list[Condition]:
    """A run by schedule or drift is Training, never Reconciling: GitOps health must not flap."""
    run, last, champion = status.run, status.last_run, status.champion
    fitting = run is not None and run.phase == "Fitting"
    held = not_starting(pods_of(s, run)) if run is not None and fitting else None
    behind = run is None or run.generation < s.training.metadata.generation
    first = fitting and run is not None and run.trigger == "Spec"
    feedback = s.feedback.told if s.feedback is not None else None
    missing = feedback if s.feedback is not None and s.feedback.missing and not fitting else None
    if stalled is None and not fitting and champion is None and last is not None:
        stalled = (last.outcome, last.message)
    if champion is not None:
        told = f"{champion.version} is the champion, {champion.summary}"
        reason = last.outcome if last is not None else "Promoted"
        if last is not None and last.outcome != "Promoted":
            told += f"; run {last.number} did not replace it: {last.message}"
        ready = condition("Ready", True, reason, told)
    elif stalled is not None:
        ready = condition("Ready", False, stalled[0], stalled[1])
    elif s.training.spec.suspend and not fitting:
        ready = condition("Ready", False, "Suspended", "set spec.suspend to false to start a run")
    elif missing is not None:
        ready = condition("Ready", False, missing.reason, missing.message)
    elif held is not None:
        ready = condition("Ready", False, held.reason, held.message)
    else:
        ready = condition("Ready", False, "FirstRun", "the first run is under way")
    if fitting and run is not None:
        told = f"; its pods do not start: {held.message}" if held is not None else ""
        at = condition("Training", True, run.trigger, f"run {run.number}: {run.reason}{told}")
    else:
        at = condition("Training", False, "Idle", "no run is under way")
    if last is None:
        succeeded = condition("LastRunSucceeded", None, "NoRun", "no run has ended yet")
    else:
        succeeded = condition(
            "LastRunSucceeded", last.outcome == "Promoted", last.outcome, last.message
        )
    if stalled is not None:
        reconciling = condition("Reconciling", False, "Stalled")
    elif missing is not None and behind and not s.training.spec.suspend:
        reconciling = condition("Reconciling", True, missing.reason, missing.message)
    elif (first or behind) and not s.training.spec.suspend:
        reconciling = condition("Reconciling", True, "RunUnderWay", "the spec is being trained")
    else:
        reconciling = condition("Reconciling", False, "UpToDate")
    return [
        ready,
        at,
        succeeded,
        *([feedback] if feedback is not None else []),
        reconciling,
        condition("Stalled", stalled is not None, *(stalled or ("Progressing", ""))),
    ]
