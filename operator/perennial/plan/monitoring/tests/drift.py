"""Which features are not distributed as in the reference, beyond chance and what is usual."""

from collections.abc import Mapping, Sequence

from perennial.api.monitor import USUAL_KEPT, FeatureScore, MonitorStatus, UsualScore
from perennial.api.values import seconds
from perennial.plan.core import Event, Finding, condition, verdict
from perennial.plan.monitoring.finding import KEPT, Cause, Judgement, Report, rounded, was
from perennial.plan.monitoring.snapshot import MonitorSnapshot
from perennial_statistics.drift import DriftReport, FeatureDrift, learned
from perennial_statistics.usual_drift import MARGIN, UsualDrift

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
    if not drifted:
        message = f"{rows} rows are like the reference"
        events = (Event("DriftResolved", message),) if before == "True" else ()
        return Judgement(
            condition("Drifted", False, "LikeReference", message), changes, events, None, False
        )
    message = f"{names} over {rows} rows"
    events = (Event("DriftDetected", message, "Warning"),) if before != "True" else ()
    enough = count >= spec.consecutive_breaches
    cause = Cause("drift", "drifted", names, _of_answers(s, over)) if enough else None
    told = condition("Drifted", True, "DriftDetected", message)
    return Judgement(told, changes, events, cause, True)


def _of_answers(s: MonitorSnapshot, over: Sequence[FeatureDrift]) -> bool:
    """Tell whether predictions drifted, and nothing that they are made of."""
    predictions = {p.name for p in s.profile.predictions} if s.profile is not None else set()
    return all(f.feature in predictions for f in over)


def usual(recorded: Sequence[UsualScore]) -> dict[str, UsualDrift]:
    """Return what is usual as the statistics take it."""
    return {u.feature: UsualDrift(u.usual, u.peak or 0.0) for u in recorded}


def to_record(found: Mapping[str, UsualDrift], minimum_effect: float) -> list[UsualScore]:
    """Return what is usual as the status keeps it: of features where it raises what drift needs.

    Of more than it holds, those with the highest scores.
    """
    matters = {name: u for name, u in found.items() if u.peak or MARGIN * u.usual > minimum_effect}
    highest = sorted(matters, key=lambda name: -max(matters[name].usual, matters[name].peak))
    return [
        UsualScore(feature=name, usual=matters[name].usual, peak=matters[name].peak or None)
        for name in sorted(highest[:USUAL_KEPT])
    ]


def _learned(s: MonitorSnapshot, status: MonitorStatus, report: DriftReport) -> dict[str, object]:
    """Return what is usual by now; it is learned once in a window's length."""
    spec, since = s.monitor.spec, status.usual_time
    length = seconds(spec.window)
    passed = since is None or (s.now - since).total_seconds() >= length
    found = learned(report, usual(status.usual), length, passed)
    return {
        "usual": to_record(found, spec.minimum_effect),
        "usual_time": s.now if passed else since,
    }


def _rows(status: MonitorStatus) -> int:
    return status.window.samples if status.window is not None else 0


def _score(f: FeatureDrift) -> FeatureScore:
    return FeatureScore(
        feature=f.feature, score=round(f.score, 4), need=round(f.need, 4), p=rounded(f.p)
    )


def _sentence(f: FeatureDrift) -> str:
    return f"{f.feature} is {f.score:.3g} off, drift needs {f.need:.3g} (p {f.p:.1g})"
