"""When what was measured is written: seldom, since it can be measured again."""

from perennial.api.deployment import (
    AnalysisStatus,
    DeploymentStatus,
    MeasurementStatus,
    MetricStatus,
)

LONGEST_SECONDS = 120
"""What pods counted since the looks that are written is read again; they keep it ten minutes."""


def may_wait(written: DeploymentStatus, found: DeploymentStatus) -> bool:
    """Tell whether a status need not be written yet.

    It differs in no more than in what was measured, which tells the same, and not for long.
    """
    before, after = _measured(written), _measured(found)
    if not before or before.keys() != after.keys():
        return False
    if not all(_is_soon(before[name], after[name]) for name in before):
        return False
    return _decisive(written, before) == _decisive(found, after)


def _measured(status: DeploymentStatus) -> dict[str, AnalysisStatus]:
    """Return what was measured: of the canary, called '', or of an experiment's arms."""
    arms = status.experiment.arms if status.experiment is not None else []
    found = {arm.name: arm.analysis for arm in arms if arm.analysis is not None}
    return {**({"": status.analysis} if status.analysis is not None else {}), **found}


def _is_soon(before: AnalysisStatus, after: AnalysisStatus) -> bool:
    if before.judged_until is None or after.judged_until is None:
        return False
    return (after.judged_until - before.judged_until).total_seconds() < LONGEST_SECONDS


def _decisive(status: DeploymentStatus, measured: dict[str, AnalysisStatus]) -> DeploymentStatus:
    """Return a status without what changes from look to look."""
    message = measured[""].message if "" in measured else ""
    conditions = [
        c.model_copy(update={"message": c.message.replace(message, "")}) if message else c
        for c in status.conditions
    ]
    changes: dict[str, object] = {"conditions": conditions}
    if "" in measured:
        changes["analysis"] = _outcome(measured[""])
    if status.experiment is not None:
        arms = [
            arm.model_copy(update={"analysis": _outcome(arm.analysis)}) if arm.analysis else arm
            for arm in status.experiment.arms
        ]
        changes["experiment"] = status.experiment.model_copy(update={"arms": arms})
    return status.having(**changes)


def _outcome(analysis: AnalysisStatus) -> AnalysisStatus:
    return AnalysisStatus(
        pair=analysis.pair,
        silent_time=analysis.silent_time,
        missing=analysis.missing,
        skewed=analysis.skewed,
        parts=[p.model_copy(update={"asked_until": None}) for p in analysis.parts],
        metrics=[
            MetricStatus(
                name=m.name,
                key=m.key,
                verdict=m.verdict,
                suspected=m.suspected,
                measured=_against(m.measured),
            )
            for m in analysis.metrics
        ],
    )


def _against(found: MeasurementStatus | None) -> MeasurementStatus | None:
    """Return of the numbers of others what nobody can find again: misses and silences."""
    if found is None:
        return None
    return MeasurementStatus(misses=found.misses, unanswered=found.unanswered)
