"""What a report tells of predictions, as what pods tell is kept: so both are judged alike."""

from datetime import UTC, datetime

from perennial.api.monitor import (
    Cohort,
    Delay,
    Performance,
    PerformanceStatus,
    SliceStatus,
)
from perennial.plan.monitoring import cohorts
from perennial.plan.monitoring.measures import measure_of
from perennial_artifact.report import ReportResult, SliceValue
from perennial_statistics.numbers import counted


def known_from(
    asked: Performance, before: PerformanceStatus | None, version: str, result: ReportResult
) -> PerformanceStatus:
    """Return what is known by a report from the request log, all of it anew."""
    known, span = cohorts.begun(asked, before, version), result.cohort_seconds
    found = [
        Cohort(
            start=_moment(c.place * span),
            given=c.given,
            labels=c.labels,
            rewards=c.rewards,
            counts=c.counts,
        )
        for c in result.cohorts
    ]
    return PerformanceStatus(
        key=known.key,
        version=version,
        since=found[0].start if found else None,
        judged_until=_moment(result.until),
        maturity_seconds=result.maturity_seconds,
        metrics=known.metrics,
        cohorts=found,
        past=[float(n) for n in result.past],
        delays=[
            Delay(label=d.label, labels=d.labels, half_seconds=d.half, most_seconds=d.most)
            for d in result.delays
        ],
        lacks=list(result.lacks),
        slices=[_slice(asked, each) for each in result.slices],
    )


def _slice(asked: Performance, found: SliceValue) -> SliceStatus:
    """Return a slice with its sentence."""
    measure = next((measure_of(m) for m in asked.metrics if m.name == found.metric), None)
    shown, unit = (measure.shown, measure.unit) if measure else (str, "label")
    message = (
        f"{found.feature} {found.value}: {found.metric} {shown(found.score)} of "
        f"{counted(found.rows, unit)}, all {shown(found.overall)}"
    )
    return SliceStatus(
        feature=found.feature,
        value=found.value,
        metric=found.metric,
        score=found.score,
        overall=found.overall,
        rows=found.rows,
        p=found.p,
        message=message,
    )


def _moment(second: float) -> datetime:
    return datetime.fromtimestamp(second, UTC)
