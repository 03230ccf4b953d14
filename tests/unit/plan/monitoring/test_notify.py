"""Drift is told to a URL by a CloudEvent: recorded first, then sent until it is taken."""

import json
from typing import Any

from builders import conditions, later, monitor, training
from test_monitor_decision import DRIFTED, LIKE, answers, profile, serving, window

from perennial.api import DriftMonitor
from perennial.plan.core import Plan, Settings
from perennial.plan.core.outside import AllowedUrl, Message
from perennial.plan.monitoring import MonitorSnapshot, notification, plan_monitor
from perennial.plan.monitoring.actions.notify import TRIES

URL = "https://hooks.example.com/team/drift"
ALLOWED = Settings(allowed_urls=(AllowedUrl("https://hooks.example.com/team/"),))


def notifying(**actions: Any) -> DriftMonitor:
    notify = {"url": URL, "cooldown": "1h"}
    return monitor({"actions": {"notify": notify, **actions}, "consecutiveBreaches": 1})


def snapshot(m: DriftMonitor, at: float, x: list[int] | None = DRIFTED, **more: Any) -> Any:
    told = answers((window(x),)) if x is not None else None
    known = {"settings": ALLOWED, "profile": profile(), **more}
    return MonitorSnapshot(m, later(at), serving(), training(), told, **known)


def after(m: DriftMonitor, plan: Plan) -> DriftMonitor:
    return m.model_copy(update={"status": plan.status}) if plan.status is not None else m


def look(m: DriftMonitor, at: float, x: list[int] | None = DRIFTED, **more: Any) -> Any:
    plan = plan_monitor(snapshot(m, at, x, **more))
    return plan, after(m, plan)


def due(m: DriftMonitor, at: float, **more: Any) -> Message | None:
    return notification(snapshot(m, at, None, **more))


def sent(m: DriftMonitor, at: float, problem: str) -> Any:
    found = m.status.notification
    assert found is not None
    return look(m, at, None, sent=((found.id, problem),))


def test_it_is_recorded_before_it_is_sent_and_sent_until_it_is_taken() -> None:
    m = notifying()
    assert due(m, 0) is None
    plan, m = look(m, 0)
    found = m.status.notification
    assert found is not None and not found.delivered and "x is 5.88 off" in found.message
    assert conditions(plan)["Drifted"] == ("True", "DriftDetected")
    (drifted,) = [c for c in m.status.conditions if c.type == "Drifted"]
    assert drifted.message.endswith("hooks.example.com is notified")
    assert plan.requeue_after == 1.0
    first, again = due(m, 1), due(m, 2)
    assert first is not None and first == again and first.url == URL
    plan, m = sent(m, 3, "")
    assert m.status.notification.delivered and [e.reason for e in plan.events] == ["Notified"]
    assert due(m, 4) is None
    _, m = look(m, 5)
    assert due(m, 6) is None  # it was told a moment ago


def test_what_is_sent_is_a_cloud_event() -> None:
    _, m = look(notifying(), 0)
    message = due(m, 1)
    assert message is not None and message.content_type == "application/cloudevents+json"
    told = json.loads(message.body)
    assert {k: told[k] for k in ("specversion", "id", "type", "subject", "time")} == {
        "specversion": "1.0",
        "id": message.id,
        "type": "dev.perennial.driftmonitor.drifted",
        "subject": "flights",
        "time": "2026-01-01T12:00:00Z",
    }
    assert told["source"].endswith("/namespaces/team/driftmonitors/flights")
    assert told["data"]["version"] == "flights-1" and "x is 5.88 off" in told["data"]["message"]


def test_what_is_not_taken_is_tried_again_ever_more_seldom_and_then_given_up() -> None:
    _, m = look(notifying(), 0)
    at, waits, told = 1.0, [], []
    for _ in range(TRIES):
        assert due(m, at) is not None
        plan, m = sent(m, at, "it answered with status 500")
        told += [e.reason for e in plan.events]
        began = at
        while due(m, at) is None and at - began < 1000:
            at += 1
        waits.append(at - began)
    assert waits[:4] == [5, 10, 20, 40] and max(waits[:-1]) == 300 and waits[-1] == 1000
    assert told == ["NotificationFailed"] and m.status.notification.tries == TRIES
    _, m = look(m, at, LIKE)
    _, m = look(m, 3 * 3600)
    assert due(m, 3 * 3600 + 1) is not None  # another drift, another id
    assert m.status.notifications == 2


def test_answers_to_another_notification_are_none() -> None:
    _, m = look(notifying(), 0)
    plan, _ = look(m, 1, None, sent=(("another", ""),))
    assert plan.status is None and not plan.events


def test_beside_a_retraining_its_reason_stands() -> None:
    m = notifying(retrain={"cooldown": "60s", "dailyLimit": 2})
    plan, m = look(m, 0)
    assert conditions(plan)["Drifted"] == ("True", "AskedToRetrain")
    assert m.status.last_action is not None and m.status.notification is not None


def test_only_observed_nothing_is_done_and_what_would_be_is_told() -> None:
    m = notifying(retrain={"cooldown": "60s", "dailyLimit": 2}, mode="Observe")
    plan, m = look(m, 0)
    assert conditions(plan)["Drifted"] == ("True", "DriftDetected")
    (drifted,) = [c for c in m.status.conditions if c.type == "Drifted"]
    assert drifted.message.endswith("actions.mode is Observe, else: retrain, notify")
    assert m.status.last_action is None and m.status.notification is None
    assert due(m, 1) is None


def test_one_that_is_on_its_way_stops_where_somebody_only_observes_from_now_on() -> None:
    _, m = look(notifying(), 0)
    assert due(m, 1) is not None
    observing = notifying(mode="Observe").model_copy(update={"status": m.status})
    assert due(observing, 1) is None


def test_a_url_that_the_chart_does_not_allow_is_told_at_once_and_not_asked() -> None:
    plan, m = look(notifying(), 0, LIKE, settings=Settings())
    assert conditions(plan)["Stalled"] == ("True", "UrlNotAllowed")
    assert conditions(plan)["Drifted"] == ("False", "LikeReference")  # it watches all the same
    _, m = look(m, 10, DRIFTED, settings=Settings())
    assert m.status.notification is None and due(m, 11, settings=Settings()) is None


def test_one_that_is_allowed_no_more_is_not_sent() -> None:
    _, m = look(notifying(), 0)
    assert due(m, 1, settings=Settings()) is None
    plan, _ = look(m, 1, None, settings=Settings())
    assert plan.requeue_after is not None and plan.requeue_after > 1
