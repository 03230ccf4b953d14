"""Tell a URL by a CloudEvent, at least once: it is recorded before it is sent."""

import json
from datetime import datetime

from perennial.api.monitor import MonitorStatus, NotificationStatus
from perennial.api.values import seconds
from perennial.plan.core import Event
from perennial.plan.core.outside import Message, denied_because, host_of
from perennial.plan.monitoring.finding import ActionResult, Cause
from perennial.plan.monitoring.pace import remembered, too_soon
from perennial.plan.monitoring.recall import is_ahead
from perennial.plan.monitoring.snapshot import MonitorSnapshot

TYPE = "dev.perennial.driftmonitor.drifted"
CONTENT = "application/cloudevents+json"
TRIES = 10
"""So often it may not be taken; then it is given up, and told."""
FIRST_SECONDS, LONGEST_SECONDS = 5.0, 300.0
"""Between two tries: twice as long each time."""


def act(s: MonitorSnapshot, status: MonitorStatus, cause: Cause) -> ActionResult:
    """Record what is to be told, unless it was told a moment ago."""
    notify, last = s.monitor.spec.actions.notify, status.notification
    assert notify is not None
    if why := denied(s):
        return ActionResult("", f"nobody is notified: {why}", status)
    times = (last.times or [last.time]) if last is not None else []
    cooldown = seconds(notify.cooldown)
    if last is not None and is_open(last):
        return ActionResult("", "", status)
    if too_soon("notification", times, s.now, cooldown, notify.daily_limit):
        return ActionResult("", "", status)
    meta = s.monitor.metadata
    told = NotificationStatus(
        id=f"{meta.uid}-{s.now:%Y%m%dT%H%M%SZ}",
        time=s.now,
        message=cause.message,
        version=status.reference.version if status.reference is not None else "",
        times=remembered([*times, s.now], s.now),
    )
    message = f"{host_of(notify.url)} is notified"
    changes = {"notification": told, "notifications": status.notifications + 1}
    return ActionResult("", message, status.model_copy(update=changes))


def is_open(found: NotificationStatus) -> bool:
    """Tell whether a notification is to be sent yet."""
    return not found.delivered and found.tries < TRIES


def given_up(found: NotificationStatus) -> datetime | None:
    """Return when a notification was given up, None where it was taken or is tried yet."""
    return None if found.delivered or is_open(found) else found.last_time


def waits(s: MonitorSnapshot, status: MonitorStatus) -> float | None:
    """Return the seconds until a notification is to be sent, None where none is."""
    found, notify = status.notification, s.monitor.spec.actions.notify
    if notify is None or found is None or not is_open(found) or denied(s):
        return None
    if s.monitor.spec.actions.mode == "Observe":
        return None
    if found.last_time is None or is_ahead(found.last_time, s.now):
        return 0.0
    pause = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** (found.tries - 1))
    return max(0.0, pause - max(0.0, (s.now - found.last_time).total_seconds()))


def message(s: MonitorSnapshot) -> Message | None:
    """Return what is to be sent now; it is the same at each try."""
    found, notify = s.monitor.status.notification, s.monitor.spec.actions.notify
    if notify is None or found is None or waits(s, s.monitor.status) != 0.0:
        return None
    meta, name = s.monitor.metadata, s.monitor.spec.deployment_ref.name
    body = {
        "specversion": "1.0",
        "id": found.id,
        "source": (
            f"/apis/perennial.dev/v1alpha1/namespaces/{meta.namespace}/driftmonitors/{meta.name}"
        ),
        "type": TYPE,
        "time": f"{found.time:%Y-%m-%dT%H:%M:%SZ}",
        "subject": name,
        "datacontenttype": "application/json",
        "data": {
            "namespace": meta.namespace,
            "monitor": meta.name,
            "deployment": name,
            "version": found.version,
            "message": found.message,
        },
    }
    return Message(found.id, notify.url, CONTENT, json.dumps(body).encode())


def noted(s: MonitorSnapshot) -> tuple[MonitorStatus, tuple[Event, ...]]:
    """Return the status with what came of sending, and what is told of it."""
    status, found = s.monitor.status, s.monitor.status.notification
    problem = dict(s.sent).get(found.id) if found is not None else None
    if found is None or problem is None or not is_open(found):
        return status, ()
    if not problem:
        taken = found.model_copy(update={"delivered": True, "problem": ""})
        event = Event("Notified", f"told: {found.message}")
        return status.model_copy(update={"notification": taken}), (event,)
    tries = {"tries": found.tries + 1, "last_time": s.now, "problem": problem}
    found = found.model_copy(update=tries)
    events: tuple[Event, ...] = ()
    if not is_open(found):
        message = f"nobody was notified, after {TRIES} tries: {problem}"
        events = (Event("NotificationFailed", message, "Warning"),)
    return status.model_copy(update={"notification": found}), events


def denied(s: MonitorSnapshot) -> str:
    """Return why the URL may not be asked, '' where it may, or none is named."""
    notify = s.monitor.spec.actions.notify
    if notify is None:
        return ""
    allowed = s.settings.allowed_urls
    return denied_because(notify.url, allowed, s.monitor.metadata.namespace)
