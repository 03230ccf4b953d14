"""Whether as many requests come as usual at that hour of the week."""

from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

from perennial.api.monitor import BehaviourStatus, MonitorStatus, Volume
from perennial.api.values import seconds
from perennial.plan.core import Event, Finding, condition
from perennial.plan.core.questions import Answers
from perennial.plan.monitoring import hours
from perennial.plan.monitoring.finding import Judgement, Report, was
from perennial.plan.monitoring.questions import REQUESTS_SECONDS
from perennial.plan.monitoring.snapshot import MonitorSnapshot
from perennial_statistics.seasonality import FEWEST_WEEKS

TYPE = "VolumeUsual"
PATIENCE_SECONDS = 60.0
"""How long a silent pod is waited for, or two intervals; then that time is not known."""


def judge(s: MonitorSnapshot, status: MonitorStatus, report: Report) -> Judgement | None:
    """Say whether the newest hour was as usual; no action follows, as no training mends it."""
    behaviour = s.monitor.spec.behaviour
    if behaviour is None or behaviour.volume is None:
        return None
    asked = behaviour.volume
    zone = _zone(asked.time_zone)
    if zone is None:
        message = f"behaviour.volume.timeZone {asked.time_zone!r} is no IANA time zone; "
        message += "write one such as Europe/Berlin"
        return Judgement(condition(TYPE, None, "InvalidSpec", message))
    if seconds(s.monitor.spec.interval) > REQUESTS_SECONDS:
        message = f"pods keep requests for {REQUESTS_SECONDS // 60} minutes, and they are asked "
        message += f"each {s.monitor.spec.interval}: make spec.interval shorter, or remove "
        message += "behaviour.volume"
        return Judgement(condition(TYPE, None, "InvalidSpec", message))
    known = _read(s, asked, zone, status.behaviour or BehaviourStatus())
    changes = {"behaviour": known}
    if s.answers is None and isinstance(report, Finding):
        return Judgement(condition(TYPE, None, report.reason, report.message), changes)
    if known.verdict == "Unknown":
        return Judgement(condition(TYPE, None, "TooLittleKnown", _unknown(s, known, zone)), changes)
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


def _zone(name: str) -> tzinfo | None:
    try:
        return UTC if name == "Etc/UTC" else ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def _read(
    s: MonitorSnapshot, asked: Volume, zone: tzinfo, known: BehaviourStatus
) -> BehaviourStatus:
    """Return what is known with the requests that came since."""
    patience = max(PATIENCE_SECONDS, 2 * seconds(s.monitor.spec.interval))
    for start, answers in s.requests:
        count = _requests(answers)
        if count is None and s.now.timestamp() - answers.until < patience:
            break  # it is asked for again
        known = hours.added(known, start, answers.until, count, asked.spreads, zone)
    return known


def _requests(answers: Answers) -> int | None:
    """Return how many requests came to all pods; None where a ready one does not tell.

    One whose clock is wrong tells of another time.
    """
    if any(answers.silent(revision) for revision in answers.asked):
        return None
    if answers.skewed(*answers.asked):
        return None
    told = {revision: answers.of(revision) for revision in answers.asked}
    if not any(told.values()):
        return None
    count = 0.0
    for revision, windows in told.items():
        found = [w.requests.buckets for w in windows if w.requests is not None]
        if len(found) < len(windows):
            return None
        ours = sum(b.requests for buckets in found for b in buckets)
        count += ours / answers.portion(revision)
    return round(count)


def _unknown(s: MonitorSnapshot, known: BehaviourStatus, zone: tzinfo) -> str:
    """Return why it is not known whether the newest hour was usual."""
    if known.last_hour is None:
        return "no hour is over yet since it is counted"
    if known.requests is None:
        told = f"the hour from {known.last_hour:%Y-%m-%d %H:%M} was not counted whole: "
        late = [a for _, answers in s.requests for a in answers.skewed(*answers.asked)]
        if late:
            return f"{told}the clock of pod {late[0].pod} is {late[0].skew:+.0f} s off"
        return f"{told}pods did not answer, or the operator did not ask"
    soonest = hours.known_from(known, zone)
    return (
        f"{FEWEST_WEEKS} weeks are needed to know what is usual at an hour; "
        f"the first hour of which it can be known is that from {soonest:%Y-%m-%d %H:%M}"
    )
