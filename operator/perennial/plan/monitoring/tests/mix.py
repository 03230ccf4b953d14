"""Whether requests are made of what is usual: segments, callers, predictions, errors."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from perennial.api.monitor import MOVED_KEPT, Mix, MixKind, MixShare, MixStatus, MonitorStatus
from perennial.api.values import seconds
from perennial.plan.core import Event, Finding, condition, verdict
from perennial.plan.monitoring import usual_mixes
from perennial.plan.monitoring.compared import settings
from perennial.plan.monitoring.finding import Judgement, Report, rounded, was
from perennial.plan.monitoring.seen_mixes import Seen, Unseen, called, mixes
from perennial.plan.monitoring.snapshot import MonitorSnapshot
from perennial.plan.monitoring.usual import days_between
from perennial_statistics.drift import (
    FEWEST_VALUES,
    Counts,
    Feature,
    FeatureDrift,
    Settings,
    judge_drift,
)
from perennial_statistics.numbers import counted, in_percent
from perennial_statistics.usual_drift import UsualDrift, needed

TYPE = "MixUsual"
CALLERS_EFFECT = 0.05
"""Who asks how often wanders from day to day, as values do not: less than that is no news."""
LASTS = timedelta(days=7)
"""A change of callers or errors that has lasted for so long is what is usual by now."""


Tested = Mapping[str, tuple[Counts, FeatureDrift]]
"""By mix, what it was held against and how far it was off."""


def judge(s: MonitorSnapshot, status: MonitorStatus, report: Report) -> Judgement | None:
    """Say what requests are made of that is unusual; no action follows, for drift has its own."""
    behaviour = s.monitor.spec.behaviour
    asked = behaviour.mix if behaviour is not None else None
    if asked is None:
        return None
    if s.answers is None and isinstance(report, Finding):
        waiting = [_waiting(s, Unseen(m, f"{called(m)}: {report.message}")) for m in status.mix]
        return Judgement(condition(TYPE, None, report.reason, report.message), {"mix": waiting})
    found = _judged(s, asked, mixes(s, asked, status, report))
    changes = {"mix": found}
    changed = [m for m in found if m.verdict == "Changed"]
    unknown = [m for m in found if m.verdict == "Unknown"]
    before = was(s, TYPE)
    if changed:
        message = "; ".join(m.message for m in changed)
        news = (Event("MixChanged", message, "Warning"),) if before != "False" else ()
        return Judgement(condition(TYPE, False, "MixChanged", message), changes, news)
    if unknown:
        message = "; ".join(m.message for m in unknown)
        return Judgement(condition(TYPE, None, "TooLittleKnown", message), changes)
    if unheard := s.unheard(s.asked - s.silent):
        return Judgement(verdict(TYPE, None, unheard), changes)
    message = f"{', '.join(called(m) for m in found)} are as usual"
    events = (Event("MixUsualAgain", message),) if before == "False" else ()
    return Judgement(condition(TYPE, True, "AsUsual", message), changes, events)


def _judged(s: MonitorSnapshot, asked: Mix, found: Sequence[Seen | Unseen]) -> list[MixStatus]:
    """Test all mixes at once, so that all have the monitor's alpha together."""
    seen = [m for m in found if isinstance(m, Seen)]
    spec, window = s.monitor.spec, seconds(s.monitor.spec.window)
    features = []
    for m in seen:
        old = _off(s, m.known)
        watched = (s.now - (m.known.since or s.now)).total_seconds()
        if m.window is not None:  # how much one day differs from another is learned on the next
            watched -= seconds(asked.learn)
        need = needed(old, _effect(spec.minimum_effect, asked, m.known.kind), watched, window)
        features.append(replace(m.feature, threshold=need))
    nothing = replace(
        settings(spec, 0.0), missing=None, out_of_range=None, unseen_category=None, constant=False
    )
    weekly = [
        f if m.weekly is None else replace(m.weekly, threshold=f.threshold)
        for m, f in zip(seen, features, strict=True)
    ]
    # Both must reject, so each may have the whole alpha.
    tested = [_drifts(features, nothing), _drifts(weekly, nothing)]
    return [_said(s, m, tested) for m in found]


def _drifts(features: Sequence[Feature], asked: Settings) -> Tested:
    usual = {f.name: f.reference for f in features}
    found = judge_drift(features, asked, {}).features
    return {f.feature: (usual[f.feature], f) for f in found}


def _said(s: MonitorSnapshot, m: Seen | Unseen, tested: Sequence[Tested]) -> MixStatus:
    """Say it by what it is most like: its hours of any day, or of that day of the week.

    Where hardly a value is left, that they are missing can be told, and nothing else.
    """
    if isinstance(m, Unseen):
        return _waiting(s, m)
    usual, found = min(
        (t[m.feature.name] for t in tested), key=lambda t: (t[1].drifted, t[1].score)
    )
    is_known = found.enough or found.drifted
    return _tested(s, m, usual, found) if is_known else _waiting(s, _too_few(m))


def _too_few(m: Seen) -> Unseen:
    """Return that shares of so few say nothing: neither of what is usual, nor of what came."""
    rows, usual = round(m.feature.window.present), round(m.feature.reference.present)
    why = f"{called(m.known)}: {counted(rows, m.unit)} in the window and {usual} before it, "
    return Unseen(m.known, f"{why}{FEWEST_VALUES} of both are needed", m.window)


def _off(s: MonitorSnapshot, known: MixStatus) -> UsualDrift:
    """Return how far a mix is usually off, by today."""
    days = _days(s, known)
    found = UsualDrift(known.usual, known.recent or 0.0, known.peak or 0.0)
    return found.days_later(days) if days > 0 else found


def _days(s: MonitorSnapshot, known: MixStatus) -> int:
    """Return how many days ended since what is usual was last noted."""
    if known.since is None or known.usual_time is None:
        return 0
    return days_between(known.since, known.usual_time, s.now)


def _effect(otherwise: float, asked: Mix, kind: MixKind) -> float:
    test = {
        "Callers": asked.callers,
        "Errors": asked.errors,
        "Predictions": asked.predictions,
    }.get(kind)
    own = test.minimum_effect if test is not None else None
    if own is not None:
        return own
    return max(otherwise, CALLERS_EFFECT) if kind == "Callers" else otherwise


def _tested(s: MonitorSnapshot, m: Seen, usual: Counts, f: FeatureDrift) -> MixStatus:
    """Return what is known of a mix after its test, and what is usual of it by now."""
    moved, rows = _moved(m, usual), round(m.feature.window.rows)
    verdict = "Changed" if f.drifted else "Usual"
    message = f"{called(m.known)} of {counted(rows, m.unit)}: as usual"
    if f.drifted:
        shares = ", ".join(
            f"{x.value} {in_percent(x.share)} ({in_percent(x.usual)} before"
            f"{m.about.get(x.value, '')})"
            for x in moved[:3]
        )
        message = (
            f"{called(m.known)} of {counted(rows, m.unit)}: {shares}; "
            f"{f.score:.3g} off, a change needs {f.need:.3g} (p {f.p:.1g})"
        )
    window = seconds(s.monitor.spec.window)
    since = m.known.usual_time
    passed = since is None or (s.now - since).total_seconds() >= window or _days(s, m.known) > 0
    new = _off(s, m.known).after(f.score, f.drifted)
    changed_since = (m.known.changed_since or s.now) if f.drifted else None
    told = {
        "verdict": verdict,
        "message": message,
        "score": round(f.score, 4),
        "need": round(f.need, 4),
        "p": rounded(f.p),
        "requests": rows,
        "moved": moved,
        "changed_since": changed_since,
        "usual": new.usual,
        "recent": new.recent or None,
        "peak": new.peak or None,
        "usual_time": s.now if passed else since,
        "since": m.known.since or s.now,
    }
    known = m.known.model_copy(update=told)
    if m.window is None:
        return known
    if changed_since is not None and s.now - changed_since >= LASTS:
        why = f"{message}; it has lasted for a week, and is learned anew"
        anew = usual_mixes.forgotten(known, known.key)
        return _waiting(s, Unseen(anew, why, m.window))
    return usual_mixes.learned(known, m.window, s.now, f.drifted) if passed else known


def _waiting(s: MonitorSnapshot, m: Unseen) -> MixStatus:
    """Return a mix that could not be tested; what came is learned, as unusual if it was before."""
    told: dict[str, object] = {
        "verdict": "Unknown",
        "message": m.why,
        "score": None,
        "need": None,
        "p": None,
        "requests": 0,
        "moved": [],
    }
    known = m.known.model_copy(update=told)
    if m.window is None:
        return known
    until = known.learned_until
    due = until is None or (s.now - until).total_seconds() >= seconds(s.monitor.spec.window)
    unusual = known.changed_since is not None
    return usual_mixes.learned(known, m.window, s.now, unusual) if due else known


def _moved(m: Seen, reference: Counts) -> list[MixShare]:
    """Return what is furthest from its usual share."""
    window = m.feature.window
    names = [*m.names, usual_mixes.OTHERS, "missing"]
    old, new = (
        [c / max(1.0, x.rows) for c in (*x.values, x.other, x.missing)] for x in (reference, window)
    )
    order = sorted(range(len(old)), key=lambda i: (-abs(new[i] - old[i]), names[i]))
    return [
        MixShare(value=names[i][:253], share=round(new[i], 6), usual=round(old[i], 6))
        for i in order[:MOVED_KEPT]
        if new[i] != old[i]
    ]
