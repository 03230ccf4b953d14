"""What a monitor's status is still good for: nothing of another deployment, or of times to come."""

from datetime import datetime, timedelta

from perennial.api.monitor import (
    DriftMonitor,
    MixStatus,
    MonitorStatus,
    PerformanceMetricStatus,
    PerformanceStatus,
)

MOST_TIMES = 100
AHEAD = timedelta(hours=1)
"""A clock that is so far back catches up before pods forget anything: what it knew may wait."""


def is_ahead(time: datetime | None, now: datetime) -> bool:
    """Tell whether a time was written while our clock was ahead, so that it counts as none."""
    return time is not None and time - now > AHEAD


def recalled(monitor: DriftMonitor, now: datetime) -> DriftMonitor:
    """Return the monitor as a decision is to see it, without what would last until such a time.

    Requests by the hour are not here: their hours are counted back one by one. What an operator
    wrote that named no deployment is kept.
    """
    status, name = monitor.status, monitor.spec.deployment_ref.name
    if status.deployment is not None and status.deployment != name:
        status = _of_none(status)
    status = _until(status, now)
    return monitor if status is monitor.status else monitor.model_copy(update={"status": status})


def _of_none(status: MonitorStatus) -> MonitorStatus:
    """Return what holds of a monitor whichever deployment it watches: what it did, and when."""
    report = status.report
    return MonitorStatus(
        observed_generation=status.observed_generation,
        report=report.model_copy(update={"equal_rows": None}) if report is not None else None,
        rollback=status.rollback,
        notification=status.notification,
        action_times=sorted(asked_to_retrain(status))[-MOST_TIMES:],
        retrainings=status.retrainings,
        rollbacks=status.rollbacks,
        notifications=status.notifications,
    )


def asked_to_retrain(status: MonitorStatus) -> set[datetime]:
    """Return when retrainings were asked for; older operators kept those of a day only."""
    last = status.last_retraining
    return {*status.action_times, *([last.time] if last else [])}


def _until(status: MonitorStatus, now: datetime) -> MonitorStatus:
    changes: dict[str, object] = {}
    reference, performance = status.reference, status.performance
    if reference is not None and is_ahead(reference.since, now):
        changes["reference"] = reference.model_copy(update={"since": None})
    if is_ahead(status.usual_time, now):
        changes["usual_time"] = None
    for name, action in (("last_action", status.last_action), ("retraining", status.retraining)):
        if action is not None and is_ahead(action.time, now):
            changes[name] = None  # nobody heeds it until then
    if performance is not None and is_ahead(performance.judged_until, now):
        changes["performance"] = _unread(performance, now)
    mix = [_mix(m, now) for m in status.mix]
    if mix != status.mix:
        changes["mix"] = mix
    report = status.report
    if report is not None and report.equal_rows and is_ahead(report.equal_rows.time, now):
        changes["report"] = report.model_copy(update={"equal_rows": None})
    return status.model_copy(update=changes) if changes else status


def _unread(known: PerformanceStatus, now: datetime) -> PerformanceStatus:
    """Return what is known before pods are read again: they keep what became known for a day."""
    return PerformanceStatus(
        key=known.key,
        version=known.version,
        metrics=[PerformanceMetricStatus(name=m.name) for m in known.metrics],
        past=known.past,
        delays=known.delays,
        delays_since=None if is_ahead(known.delays_since, now) else known.delays_since,
    )


def _mix(known: MixStatus, now: datetime) -> MixStatus:
    if is_ahead(known.since, now):
        return MixStatus(kind=known.kind, name=known.name, key=known.key)
    times = ("changed_since", "usual_time", "learned_until")
    ahead = [name for name in times if is_ahead(getattr(known, name), now)]
    return known.model_copy(update=dict.fromkeys(ahead)) if ahead else known
