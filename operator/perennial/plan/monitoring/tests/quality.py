"""Which features have more missing, impossible or unknown values than they may."""

from perennial.api.monitor import MonitorStatus, QualityBreach
from perennial.plan.core import Event, Finding, condition
from perennial.plan.monitoring.finding import KEPT, Judgement, Report, rounded, was
from perennial.plan.monitoring.snapshot import MonitorSnapshot
from perennial_statistics.numbers import in_percent


def judge(s: MonitorSnapshot, status: MonitorStatus, report: Report) -> Judgement:
    """Say which limits are broken."""
    if isinstance(report, Finding):
        return Judgement(condition("QualityPassed", None, report.reason))
    broken = [
        QualityBreach(
            feature=b.feature,
            check=b.check,
            fraction=round(b.share, 4),
            maximum=b.limit,
            p=rounded(b.p),
        )
        for b in report.breaches[:KEPT]
    ]
    if not broken:
        return Judgement(condition("QualityPassed", True, "WithinLimits"), {"quality": broken})
    message = ", ".join(
        f"{b.feature} {b.check} {in_percent(b.share)}, {in_percent(b.limit)} may"
        for b in report.breaches[:3]
    )
    is_news = was(s, "QualityPassed") != "False"
    events = (Event("QualityLimitsBroken", message, "Warning"),) if is_news else ()
    found = condition("QualityPassed", False, "QualityLimitsBroken", message)
    return Judgement(found, {"quality": broken}, events)
