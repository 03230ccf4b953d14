"""Whether as many requests come as usual at that hour of the week."""

from perennial.api.monitor import Behaviour, BehaviourStatus, MonitorStatus
from perennial.api.values import seconds
from perennial.plan.core import Event, Finding, condition
from perennial.plan.core.questions import Answers
from perennial.plan.monitoring import hours
from perennial.plan.monitoring.finding import Judgement, Report, was
from perennial.plan.monitoring.snapshot import MonitorSnapshot
from perennial_statistics.seasonality import FEWEST_WEEKS

TYPE = "VolumeUsual"
PATIENCE_SECONDS = 60.0
"""How long a silent pod is waited for, or two intervals; then that time is not known."""


def judge(s: MonitorSnapshot, status: MonitorStatus, report: Report) -> Judgement | None:
    """Say whether the newest hour was as usual; no action follows, as no training mends it."""
    asked = s.monitor.spec.behaviour
    if asked is None:
        return None
    known = _read(s, asked, status.behaviour or BehaviourStatus())
    changes = {"behaviour": known}
    if s.answers is None and isinstance(report, Finding):
        return Judgement(condition(TYPE, None, report.reason, report.message), changes)
    if known.verdict == "Unknown":
        return Judgement(condition(TYPE, None, "TooLittleKnown", _unknown(known)), changes)
    message = (
        f"{known.requests:,} requests in the hour from {known.last_hour:%Y-%m-%d %H:%M}, "
        f"{known.low:,.0f} to {known.high:,.0f} are usual at that time of the week"
    )
    before = was(s, TYPE)
    if known.verdict == "Usual":
        found = (Event("VolumeUsualAgain", message),) if before == "False" else ()
        return Judgement(condition(TYPE, True, "AsUsual", message), changes, found)
    assert known.requests is not None and known.low is not None
    reason = "FewRequests" if known.requests < known.low else "ManyRequests"
    news = (Event(reason, message, "Warning"),) if before != "False" else ()
    return Judgement(condition(TYPE, False, reason, message), changes, news)


def _read(s: MonitorSnapshot, asked: Behaviour, known: BehaviourStatus) -> BehaviourStatus:
    """Return what is known with the requests that came since."""
    patience = max(PATIENCE_SECONDS, 2 * seconds(s.monitor.spec.interval))
    for start, answers in s.requests:
        count = _requests(answers)
        if count is None and s.now.timestamp() - answers.until < patience:
            break  # it is asked for again
        known = hours.added(known, start, answers.until, count, asked.volume.spreads)
    return known


def _requests(answers: Answers) -> int | None:
    """Return how many requests came to all pods; None where a ready one does not tell."""
    if any(answers.silent(revision) for revision in answers.asked):
        return None
    told = [window for revision in answers.asked for window in answers.of(revision)]
    if not told:
        return None
    found = [w.requests.buckets for w in told if w.requests is not None]
    return sum(b.requests for buckets in found for b in buckets)


def _unknown(known: BehaviourStatus) -> str:
    """Return why it is not known whether the newest hour was usual."""
    if known.last_hour is None:
        return "no hour is over yet since it is counted"
    if known.requests is None:
        return (
            f"the hour from {known.last_hour:%Y-%m-%d %H:%M} was not counted whole: pods did not "
            "answer, or the operator did not ask"
        )
    weeks = len(known.hours) // hours.WEEK_HOURS
    return f"{FEWEST_WEEKS} weeks are needed to know what is usual at an hour, {weeks} are known"
