"""Which features are not distributed as in the reference, beyond chance and what is usual."""

from collections.abc import Sequence

from perennial.api.monitor import FeatureScore, MonitorStatus
from perennial.plan.core import Event, Finding, condition, verdict
from perennial.plan.monitoring.finding import KEPT, Cause, Judgement, Report, rounded, was
from perennial.plan.monitoring.snapshot import MonitorSnapshot
from perennial.plan.monitoring.usual import to_record, usual
from perennial_statistics.drift import DriftReport, FeatureDrift, learned

MOST_BREACHES = 1_000_000


def judge(s: MonitorSnapshot, status: MonitorStatus, report: Report) -> Judgement:
    """Say what drifted, and learn what is usual; what was counted in a row stays where unknown."""
    if isinstance(report, Finding):
        return Judgement(verdict("Drifted", None, report))
    spec, over = s.monitor.spec, [f for f in report.features if f.drifted]
    drifted, before = bool(over), was(s, "Drifted")
    names, rows = ", ".join(_sentence(f) for f in over[:3]), _rows(status)
    count = min(status.consecutive_breaches + 1, MOST_BREACHES) if drifted else 0
    changes = {
        "worst": [_score(f) for f in report.features[:KEPT]],
        "suspects": list(report.suspects[:KEPT]),
        "consecutive_breaches": count,
        **_learned(s, status, report),
    }
    if not drifted and report.held:
        names = ", ".join(_sentence(f) for f in report.held[:3])
        message = f"{names} over {rows} rows, which may be the time of day{_hours(status)}"
        changes |= {"consecutive_breaches": status.consecutive_breaches}
        return Judgement(verdict("Drifted", None, Finding("MayBeHours", message)), changes)
    if not drifted and (unheard := s.unheard(s.answered)):
        changes |= {"consecutive_breaches": status.consecutive_breaches}
        return Judgement(verdict("Drifted", None, unheard), changes)
    if not drifted:
        message = f"{rows} rows are like the reference{_hours(status)}"
        events = (Event("DriftResolved", message),) if before == "True" else ()
        return Judgement(
            condition("Drifted", False, "LikeReference", message), changes, events, None, False
        )
    message = f"{names} over {rows} rows{_hours(status)}"
    events = (Event("DriftDetected", message, "Warning"),) if before != "True" else ()
    enough = count >= spec.consecutive_breaches
    cause = Cause("drift", "drifted", names, _of_answers(s, over)) if enough else None
    told = condition("Drifted", True, "DriftDetected", message)
    return Judgement(told, changes, events, cause, True)


def _hours(status: MonitorStatus) -> str:
    """Return which rows are compared with, where not simply all."""
    told = status.reference.message if status.reference is not None else None
    return f"; {told}" if told else ""


def _of_answers(s: MonitorSnapshot, over: Sequence[FeatureDrift]) -> bool:
    """Tell whether predictions drifted, and nothing that they are made of."""
    predictions = {p.name for p in s.profile.predictions} if s.profile is not None else set()
    return all(f.feature in predictions for f in over)


def _learned(s: MonitorSnapshot, status: MonitorStatus, report: DriftReport) -> dict[str, object]:
    """Return what was seen of each feature so far."""
    names = [f.feature for f in report.features]
    found, smallest = learned(report, usual(status, names)), s.monitor.spec.minimum_effect
    return {
        "usual": to_record(found, "Window", smallest),
        "usual_newest": to_record(found, "Newest", smallest),
    }


def _rows(status: MonitorStatus) -> int:
    return status.window.samples if status.window is not None else 0


def _score(f: FeatureDrift) -> FeatureScore:
    return FeatureScore(
        feature=f.feature,
        score=round(f.score, 4),
        effect=f.effect if f.effect != "PopulationStabilityIndex" else None,
        need=round(f.need, 4),
        p=rounded(f.p),
    )


def _sentence(f: FeatureDrift) -> str:
    by = f" by {f.effect}" if f.effect != "PopulationStabilityIndex" else ""
    return f"{f.feature} is {f.score:.3g} off{by}, drift needs {f.need:.3g} (p {f.p:.1g})"
