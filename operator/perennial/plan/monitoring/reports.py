"""When a report is made, and what came of it: one Job at a time, recorded before it is made."""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from perennial.api.common import Condition
from perennial.api.monitor import (
    DriftMonitor,
    EqualRowsStatus,
    Performance,
    PerformanceStatus,
    ReportStatus,
)
from perennial.api.values import Json, seconds
from perennial.plan.core import Event, Finding, condition, owned_by
from perennial.plan.core.questions import SKEW_SECONDS
from perennial.plan.monitoring import cohorts
from perennial.plan.monitoring.finding import rounded
from perennial.plan.monitoring.logged import known_from
from perennial.plan.monitoring.report_job import (
    VARIABLE,
    asked_of,
    job_name,
    metric_spec,
    report_job,
    secrets_of,
)
from perennial.plan.monitoring.snapshot import MonitorSnapshot
from perennial.plan.pods.health import not_starting
from perennial.plan.pods.stores import denied
from perennial_artifact.outcomes import VERSION_LENGTH
from perennial_artifact.report import SHARES, SIZE, ReportResult, ReportSpec
from perennial_artifact.result import Failure

TYPE = "Reported"
LOOK_SECONDS = 30.0
"""How often one under way is looked at, whatever is heard of it."""
PATIENCE_SECONDS = 15.0
"""How long an ended Job may be seen before the pods that it had."""
SPREAD, LONGEST_SPREAD = 0.25, 900
"""Part of ``every``, and seconds at most, over which the first reports of monitors are spread."""
LATE = timedelta(minutes=5)
"""After it a report is overdue, as those of all other monitors are where the operator was away."""
LONG_AGO = datetime.fromtimestamp(0, UTC)
MOST = 2**53
"""Numbers beyond it are none that anybody counted, and the API server may not take them."""
SLACK = 1e-4
"""Of a sum of squares: a pod tells six digits."""
LONGEST_NOTES = 600
"""Characters of what a report could not read; the page has all of it."""
AGAIN = 2
"""Failures in a row from which on it is said that reports fail again and again."""


@dataclass(frozen=True)
class Followed:
    """What is to be done about reports."""

    report: ReportStatus | None = None
    performance: PerformanceStatus | None = None
    """What the newest one says of it, where one has just ended."""
    has_told: bool = False
    """It has just told something, which is to be judged."""
    condition: Condition | None = None
    create: tuple[Json, ...] = ()
    events: tuple[Event, ...] = ()
    after: float | None = None
    """Seconds until it is looked at again."""


def follow(s: MonitorSnapshot) -> Followed:
    """Begin a report where it is time for one, and take in what came of the one under way."""
    known = s.monitor.status.report or ReportStatus()
    if s.monitor.spec.report is None:
        return Followed(_left(known))
    if _is_under_way(known) and known.job and not known.seen and _job(s, known) is None:
        # It ended while no report was asked for; one that took its place is none.
        known = ReportStatus(number=known.number, job=known.job)
    if _is_under_way(known):
        return _under_way(s, known)
    if why := hindered(s):
        return _told(known, condition(TYPE, _was(known), why.reason, why.message), LOOK_SECONDS)
    wait = _seconds_until_due(s.monitor, s.now, known)
    if wait > 0:
        if _regular(s.monitor, s.now, known) is None:
            known = known.model_copy(update={"due_time": s.now + timedelta(seconds=wait)})
        return _told(known, _outcome(known), wait)
    if _goes_on(s, known):
        message = f"Job {job_name(s.monitor, known.number)} of an earlier report goes on"
        return _told(known, condition(TYPE, _was(known), "UnderWay", message), LOOK_SECONDS)
    begun = {
        "number": _next_number(s, known),
        "generation": s.monitor.metadata.generation,
        "asked": asked_of(s.monitor.spec),
        "due_time": None,
        "start_time": s.now,
        "finish_time": None,
        "seen": False,
        "job": "",
    }
    known = known.model_copy(update=begun)
    # Its Job is made by the next pass, once this is recorded: so no crash can make two.
    return _told(known, _outcome(known), 1.0)


def _goes_on(s: MonitorSnapshot, known: ReportStatus) -> bool:
    """Tell whether the newest Job goes on, though nobody had seen it when it was left."""
    job = _job(s, known)
    return job is not None and owned_by(job, s.monitor.metadata.uid) and _end_of(job) is None


def _is_under_way(known: ReportStatus) -> bool:
    return known.start_time is not None and known.finish_time is None


def _left(known: ReportStatus) -> ReportStatus | None:
    """Return what is kept where no report is asked for any more.

    Jobs and pages are called by its number, which only goes up; and its Job may go on: it is
    followed where reports are asked for again.
    """
    if not known.number:
        return None
    if not _is_under_way(known) or not known.job:
        return ReportStatus(number=known.number)
    kept = ("number", "generation", "asked", "start_time", "job")
    return ReportStatus(**{name: getattr(known, name) for name in kept})


def hindered(s: MonitorSnapshot) -> Finding | None:
    """Return why no report can be made."""
    name = s.monitor.spec.deployment_ref.name
    if s.deployment is None:
        return Finding("DeploymentNotFound", f"there is no ModelDeployment {name}: create it")
    if s.deployment.spec.serving.request_log is None:
        message = (
            f"ModelDeployment {name} logs no requests: set its spec.serving.requestLog, or remove "
            "spec.report"
        )
        return Finding("NoRequestLog", message)
    stable = s.deployment.status.stable
    if stable is None:
        return Finding("NotServing", f"{name} serves nothing yet")
    if stable.request_log is None:
        message = f"what {name} serves logs no requests yet; its next revision will"
        return Finding("NothingLogged", message)
    return denied(secrets_of(stable).values(), s.settings)


def _next_number(s: MonitorSnapshot, known: ReportStatus) -> int:
    """Return the next number of which there is no Job yet: one that is there is not of our making.

    Or a status was lost that knew of it: what it tells is of another time.
    """
    names = {j["metadata"]["name"] for j in s.jobs}
    number = known.number + 1
    while job_name(s.monitor, number) in names:
        number += 1
    return number


def job_looked_for(monitor: DriftMonitor, now: datetime) -> str:
    """Return the Job that is looked for by its name, '' for none: whoever made it, in its labels.

    It is the one of the report under way; and where one is due, of that which would be next.
    """
    known = monitor.status.report or ReportStatus()
    if monitor.spec.report is None:
        return ""
    if _is_under_way(known):
        return job_name(monitor, known.number)
    is_due = _seconds_until_due(monitor, now, known) <= 0
    return job_name(monitor, known.number + 1) if is_due else ""


def _seconds_until_due(monitor: DriftMonitor, now: datetime, known: ReportStatus) -> float:
    """Return the seconds until the next one; 0 where it is due, or another is asked for."""
    regular = _regular(monitor, now, known)
    if regular is not None:
        return (regular - now).total_seconds()
    own, due = _own_seconds(monitor), known.due_time
    return own if due is None or now - due > LATE else min(own, (due - now).total_seconds())


def _regular(monitor: DriftMonitor, now: datetime, known: ReportStatus) -> datetime | None:
    """Return when the next one is due; None of the first, and of one that is overdue.

    Those of all monitors that were made together, or while the operator was away, would begin at
    once: each has a moment of its own.
    """
    asked, began = monitor.spec.report, known.start_time
    if began is None:
        return None
    if began > now:
        return now  # our clock was ahead for a while
    if not _is_asked(monitor, known):
        # Somebody waits for it; or an operator asks more of it by now, of all monitors at once.
        return now if known.generation != monitor.metadata.generation else None
    assert asked is not None
    due = began + timedelta(seconds=seconds(asked.every))
    due = max(due, known.finish_time or due)
    return due if now - due <= LATE else None


def _own_seconds(monitor: DriftMonitor) -> int:
    """Return how long a monitor waits with what others begin now, too."""
    assert monitor.spec.report is not None
    longest = int(min(LONGEST_SPREAD, SPREAD * seconds(monitor.spec.report.every)))
    digest = hashlib.sha256(monitor.metadata.uid.encode()).digest()
    return int.from_bytes(digest[:8], "big") % (longest + 1)


def _is_asked(monitor: DriftMonitor, known: ReportStatus) -> bool:
    """Tell whether a report is what the spec asks for, whatever else of it was edited since."""
    if known.asked is None:
        return known.generation == monitor.metadata.generation
    return known.asked == asked_of(monitor.spec)


def _under_way(s: MonitorSnapshot, known: ReportStatus) -> Followed:
    """Make its Job where it was not seen yet, and take in what its pod told once it ended."""
    name, uid = job_name(s.monitor, known.number), s.monitor.metadata.uid
    job = _job(s, known)
    if job is not None and not owned_by(job, uid):
        message = f"Job {name} exists and is not ours: rename it or the DriftMonitor"
        return _ended(s, known, _failed(known, "NameConflict", message))
    if job is None and known.seen:
        return _ended(s, known, _failed(known, "JobGone", f"Job {name} was deleted"))
    if job is None:
        if why := hindered(s):
            return _ended(s, known, _failed(known, why.reason, why.message))
        assert s.deployment is not None and s.deployment.status.stable is not None
        made = report_job(s, s.deployment.status.stable, known.number, s.now)
        return replace(_told(known, _outcome(known), LOOK_SECONDS), create=(made,))
    known = known.model_copy(update={"seen": True, "job": job["metadata"].get("uid", "")})
    ended = _end_of(job)
    if ended is None:
        why = not_starting(_pods(s, job), s.now)
        waits = condition(TYPE, _was(known), why.reason, why.message) if why else _outcome(known)
        return _told(known, waits, LOOK_SECONDS)
    result = _result(s, job, known)
    if result is not None:
        return _ended(s, known, result)
    if (s.now - ended[1]).total_seconds() < PATIENCE_SECONDS:
        return _told(known, _outcome(known), 2.0)
    message = f"no pod of Job {name} told anything ({ended[0]}): kubectl describe job {name}"
    return _ended(s, known, _failed(known, "NothingTold", message))


def _job(s: MonitorSnapshot, known: ReportStatus) -> Json | None:
    """Return a report's Job; none that somebody made in its place since."""
    name = job_name(s.monitor, known.number)
    found = next((j for j in s.jobs if j["metadata"]["name"] == name), None)
    if found is not None and known.job and found["metadata"].get("uid") != known.job:
        return None
    return found


def _end_of(job: Json) -> tuple[str, datetime] | None:
    """Return how and when a Job ended, None while it goes on."""
    for found in job.get("status", {}).get("conditions", []):
        if found.get("status") == "True" and found.get("type") in ("Complete", "Failed"):
            at = found.get("lastTransitionTime")
            when = datetime.fromisoformat(at) if isinstance(at, str) else LONG_AGO
            why = found.get("message") or found.get("reason") or found["type"]
            return str(why)[:256], when
    return None


def _pods(s: MonitorSnapshot, job: Json) -> list[Json]:
    """Return the pods that a Job owns; what others tell decides nothing."""
    uid = job["metadata"].get("uid", "")
    return [p for p in s.pods if uid and owned_by(p, uid)]


def _result(s: MonitorSnapshot, job: Json, known: ReportStatus) -> ReportResult | None:
    """Return what the newest pod of a Job told, None where none told anything."""
    ended = [
        state
        for pod in _pods(s, job)
        for container in pod.get("status", {}).get("containerStatuses", [])
        if (state := container.get("state", {}).get("terminated"))
    ]
    if not ended:
        return None
    newest = max(ended, key=lambda state: str(state.get("finishedAt") or ""))
    try:
        result = ReportResult.from_json(str(newest.get("message", "")))
        if result.uri and result.uri != _place_of_page(job, known):
            raise ValueError("its page is at another place")
        return _checked(s, known, result)
    except ValueError:
        reason = newest.get("reason", "Error")
        hint = "raise spec.report.resources.limits.memory" if reason == "OOMKilled" else ""
        text = f"its container ended with {reason}, exit code {newest.get('exitCode')}"
        return _failed(known, "ReportFailed", "; ".join(t for t in (text, hint) if t))


def _place_of_page(job: Json, known: ReportStatus) -> str:
    """Return where a report's page is put, by what its Job was told; "" where it was told nothing.

    Raises:
        ValueError: what it was told is none of ours.
    """
    containers = job.get("spec", {}).get("template", {}).get("spec", {}).get("containers", [])
    told = (e for c in containers for e in c.get("env", []) if e.get("name") == VARIABLE)
    text = next((str(e.get("value", "")) for e in told), "")
    return f"{ReportSpec.from_json(text).into}/{known.number}/report.html" if text else ""


def _checked(s: MonitorSnapshot, known: ReportStatus, result: ReportResult) -> ReportResult:
    """Return a result that can be judged; what a pod says is not trusted.

    Raises:
        ValueError: it is another report's, or its numbers cannot be.
    """
    if result.number != known.number:
        raise ValueError("it is another report's")
    newest = max(s.now, known.start_time or s.now).timestamp() + SKEW_SECONDS
    if not 0 <= result.until <= newest:
        raise ValueError("it is of times to come")
    if (equal := result.equal_rows) is not None:
        shares = (equal.found, equal.usual, equal.p)
        if not all(0 <= share <= 1 for share in shares) or not 0 <= equal.rows <= MOST:
            raise ValueError("its shares are none")
    asked = s.monitor.spec.performance
    if result.failure is not None or asked is None or not asked.is_from_log:
        return result
    if not _is_asked(s.monitor, known):
        return result  # of what was asked before
    places = [c.place for c in result.cohorts]
    numbers = [
        *(n for c in result.cohorts for n in (*c.counts, c.given, c.labels, c.rewards)),
        *(n for d in result.delays for n in (d.labels, d.half, d.most)),
        *(n for each in result.slices for n in (each.score, each.overall, each.rows, each.p)),
        *result.past,
        result.maturity_seconds or 0,
    ]
    fits = all(len(c.counts) == SIZE * len(asked.metrics) for c in result.cohorts)
    if not fits or len(result.lacks) not in (0, len(asked.metrics)):
        raise ValueError("it has other metrics")
    if result.cohort_seconds != cohorts.width(asked) or places != sorted(set(places)):
        raise ValueError("its cohorts are of other times")
    last = max(places, default=0) * result.cohort_seconds
    if not 0 <= last <= newest or min(places, default=0) < 0:
        raise ValueError("it is of times to come")
    if not all(abs(n) <= MOST for n in numbers) or not _are_counts(asked, result):
        raise ValueError("its numbers are none")
    return result


def _are_counts(asked: Performance, result: ReportResult) -> bool:
    """Tell whether what is counted can have been: no more of predictions than there were.

    And of a share no more events than rows; of values no spread below 0 (but for rounding).
    """
    least: list[float] = [n for c in result.cohorts for n in (c.given, c.labels, c.rewards)]
    least += [*result.past, result.maturity_seconds or 0]
    shares = [metric_spec(m).kind in SHARES for m in asked.metrics]
    for c in result.cohorts:
        for place, is_share in enumerate(shares):
            rows, events, squares = c.counts[SIZE * place : SIZE * (place + 1)]
            least += [rows, c.given - rows]
            least += [events, rows - events] if is_share else [_spread(rows, events, squares)]
        least += [c.given - c.labels, c.given - c.rewards]
    return min(least, default=0) >= 0


def _spread(rows: float, total: float, squares: float) -> float:
    """Return what is below 0 where a sum of squares is not of so many rows with such a sum."""
    return squares * rows * (1 + SLACK) - total * total if rows else min(0.0, -abs(total), -squares)


def _ended(s: MonitorSnapshot, known: ReportStatus, result: ReportResult) -> Followed:
    """Return what is known once a report ended."""
    failure = result.failure
    if failure is not None:
        failures = known.failures + 1
        message = f"report {known.number}: {failure.reason}: {failure.message}"
        told = {"finish_time": s.now, "failures": failures, "message": message}
        known = known.model_copy(update=told)
        return replace(
            _told(known, _outcome(known), max(1.0, _seconds_until_due(s.monitor, s.now, known))),
            events=(Event("ReportFailed", message, "Warning"),),
        )
    found = {
        "finish_time": s.now,
        "failures": 0,
        "message": _sentence(s, known, result),
        "published": known.number,
        "published_job": known.job,
        "uri": result.uri,
        "equal_rows": _equal_rows(result),
    }
    known = known.model_copy(update=found)
    followed = _told(known, _outcome(known), max(1.0, _seconds_until_due(s.monitor, s.now, known)))
    followed = replace(followed, has_told=True, events=(Event("ReportPublished", known.message),))
    asked, stable = s.monitor.spec.performance, s.deployment and s.deployment.status.stable
    is_of_this = _is_asked(s.monitor, known)
    if asked is not None and asked.is_from_log and is_of_this and stable is not None:
        version = result.version[:VERSION_LENGTH]
        performance = known_from(asked, s.monitor.status.performance, version, result)
        followed = replace(followed, performance=performance)
    return followed


def _sentence(s: MonitorSnapshot, known: ReportStatus, result: ReportResult) -> str:
    """Return what is said of a report: where its page is, and what it could not read."""
    name = s.monitor.metadata.name
    where = (
        f": {result.uri}"
        if result.uri
        else (f"; its page is in its pod's log alone (kubectl perennial report {name} fetches it)")
    )
    notes = "".join(f"; {note.message}" for note in result.notes)
    short = notes if len(notes) <= LONGEST_NOTES else f"{notes[: LONGEST_NOTES - 1]}…"
    return f"report {known.number} is of {result.predictions} predictions{where}{short}"


def _equal_rows(result: ReportResult) -> EqualRowsStatus | None:
    if (found := result.equal_rows) is None:
        return None
    return EqualRowsStatus(
        version=result.version[:VERSION_LENGTH],
        time=datetime.fromtimestamp(result.until, UTC),
        rows=found.rows,
        fraction=round(found.found, 4),
        usual=round(found.usual, 4),
        p=rounded(found.p),
    )


def _told(known: ReportStatus, found: Condition, after: float) -> Followed:
    return Followed(known, condition=found, after=after)


def _failed(known: ReportStatus, reason: str, message: str) -> ReportResult:
    return ReportResult(number=known.number, failure=Failure(reason=reason, message=message[:1024]))


def _was(known: ReportStatus) -> bool | None:
    """Return the condition's status while the newest report is not there: what it was before."""
    if known.failures:
        return False
    return True if known.published is not None else None


def _outcome(known: ReportStatus) -> Condition:
    """Return the condition of how the newest ended report did."""
    if known.failures >= AGAIN:
        message = f"{known.failures} reports in a row failed, the newest: {known.message}"
        return condition(TYPE, False, "FailsAgain", message)
    if known.failures:
        return condition(TYPE, False, "ReportFailed", known.message)
    if known.published is not None:
        reason = "Published" if known.uri else "PageNotStored"
        return condition(TYPE, True, reason, known.message)
    if known.start_time is None and known.due_time is not None:
        message = f"the first report is begun at {known.due_time:%Y-%m-%d %H:%M:%S}, so that those "
        message += "of many monitors do not begin at once"
        return condition(TYPE, None, "NotDueYet", message)
    return condition(TYPE, None, "UnderWay", f"report {known.number} is being made")
