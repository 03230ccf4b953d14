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
    before, after = written.analysis, found.analysis
    if before is None or after is None or before.judged_until is None or after.judged_until is None:
        return False
    if (after.judged_until - before.judged_until).total_seconds() >= LONGEST_SECONDS:
        return False
    return _decisive(written, before) == _decisive(found, after)


def _decisive(status: DeploymentStatus, analysis: AnalysisStatus) -> DeploymentStatus:
    """Return a status without what changes from look to look."""
    kept = AnalysisStatus(
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
    conditions = [
        c.model_copy(update={"message": c.message.replace(analysis.message, "")})
        if analysis.message
        else c
        for c in status.conditions
    ]
    return status.having(analysis=kept, conditions=conditions)


def _against(found: MeasurementStatus | None) -> MeasurementStatus | None:
    """Return of the numbers of others what nobody can find again: misses and silences."""
    if found is None:
        return None
    return MeasurementStatus(misses=found.misses, unanswered=found.unanswered)
