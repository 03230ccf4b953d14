"""What a status says of another deployment, or of times to come, counts as none."""

from datetime import timedelta
from typing import Any

import pytest
from builders import NOW, conditions, deployment, monitor, training
from feedback_world import PODS, FeedbackWorld, pod, traffic
from feedback_world import serving as feedback_serving
from report_world import ReportWorld, told

from perennial.api import DriftMonitor
from perennial.api.monitor import MonitorStatus, RollbackStatus
from perennial.plan.core import Settings
from perennial.plan.core.outside import AllowedUrl
from perennial.plan.core.questions import Answers
from perennial.plan.monitoring import (
    MonitorSnapshot,
    notification,
    plan_monitor,
    request_questions,
)
from perennial.plan.monitoring.pace import remembered, too_soon
from perennial.plan.monitoring.recall import recalled
from perennial_artifact.report import EqualRows

WEEKS = timedelta(weeks=3)
ACCURATE = {"metrics": [{"name": "right", "accuracy": {"minimum": 0.9}}], "maturity": "1m"}


def good(hour: int) -> float:
    return 0.8 if hour < 2 else 0.0


def test_a_model_that_became_worse_is_not_called_good_for_weeks_after_a_fast_clock() -> None:
    rows = traffic((-24, 8), 200, lambda hour: 0.3, good)
    world = FeedbackWorld(ACCURATE, rows)
    assert world.look(0)[0] == "True"
    body = world.monitor.to_json()
    body["status"]["performance"]["judgedUntil"] = (NOW + WEEKS).isoformat()
    world.monitor = DriftMonitor.read(body)
    assert world.look(8 * 3600)[0] == "False"
    performance = world.monitor.status.performance
    assert performance is not None and performance.judged_until is not None
    assert performance.judged_until <= world.now


def test_what_is_known_up_to_a_moment_to_come_is_not_kept_by_it() -> None:
    world = FeedbackWorld(ACCURATE, traffic((-24, 0), 100, lambda h: 0.1, good))
    assert world.look(0)[0] == "True"
    asked, known = len(world.asked), world.monitor.status.performance
    assert world.look(-1800) == ("Unknown", "Outdated")
    assert "the operator's clock was ahead" in world.message()
    assert len(world.asked) == asked  # what is counted is not counted again
    after = world.monitor.status.performance
    assert known is not None and after is not None and after.cohorts == known.cohorts
    assert world.look(300)[0] == "True"


@pytest.mark.parametrize("what", ["retraining", "rollback", "notification"])
def test_an_action_of_times_to_come_delays_none(what: str) -> None:
    times = [NOW - timedelta(hours=5), NOW + WEEKS]
    assert remembered(times, NOW) == times[:1]
    assert too_soon(what, times, NOW, 21_600, 2) == (
        "CoolingDown",
        f"the next {what} may be asked for in 3600 s",
    )
    assert too_soon(what, times, NOW, 3600, 2) is None
    # A clock that is a little back does not do it again at once.
    assert too_soon(what, [NOW + timedelta(seconds=30)], NOW, 3600, 2) is not None


def test_a_rollback_of_times_to_come_is_not_open_for_weeks() -> None:
    asked = RollbackStatus(revision="r2", to="r1", time=NOW + WEEKS)
    assert not asked.is_open(NOW) and asked.is_open(NOW + WEEKS - timedelta(seconds=30))


def written(status: dict[str, Any], **spec: Any) -> DriftMonitor:
    return monitor(spec, status=status)


def later_by(days: int) -> str:
    return (NOW + timedelta(days=days)).isoformat()


def test_nothing_that_is_remembered_waits_for_such_a_time() -> None:
    mix = {"kind": "Callers", "key": "x", "names": ["a"], "hours": [1.0] * 48}
    found = recalled(
        written(
            {
                "reference": {"profile": "p", "since": later_by(9)},
                "usualTime": later_by(9),
                "lastAction": {"type": "Rollback", "time": later_by(9)},
                "retraining": {"type": "Retrain", "time": later_by(9)},
                "mix": [
                    {**mix, "since": later_by(9)},
                    {
                        **mix,
                        "kind": "Errors",
                        "since": later_by(-9),
                        "changedSince": later_by(9),
                        "usualTime": later_by(9),
                        "learnedUntil": later_by(9),
                    },
                ],
            }
        ),
        NOW,
    ).status
    assert found.reference is not None and found.reference.since is None
    assert found.usual_time is found.last_action is found.retraining is None
    callers, errors = found.mix
    assert callers.since is None and not callers.hours
    assert errors.since == NOW - timedelta(days=9) and errors.hours
    assert errors.changed_since is errors.usual_time is errors.learned_until is None
    present = written({"usualTime": later_by(0)})
    assert recalled(present, NOW) is present


def test_a_notification_that_was_refused_then_is_sent_again_now() -> None:
    told = {"id": "n", "time": later_by(9), "tries": 3, "lastTime": later_by(9)}
    actions = {"notify": {"url": "https://x.example/"}}
    m = written({"notification": told}, actions=actions)
    settings = Settings(allowed_urls=(AllowedUrl("https://x.example/"),))
    assert notification(MonitorSnapshot(m, NOW, settings=settings)) is not None


def test_rows_that_repeat_in_a_report_of_times_to_come_break_no_limit() -> None:
    world = ReportWorld({"quality": {"duplicatesMaximum": 0.1}, "minimumSamples": 10})
    world.now += WEEKS
    for _ in range(3):
        world.step()
    equal = EqualRows(rows=10_000, found=0.9, usual=0.0, p=0.0)
    world.finish(told(world.number, world.now, equal_rows=equal))
    world.step()
    world.step(after=400)
    assert world.condition("QualityPassed") == ("False", "QualityLimitsBroken")
    world.now -= WEEKS
    world.step()
    assert world.condition("QualityPassed")[0] == "Unknown"


def test_a_decision_sees_none_of_it() -> None:
    stable = {"revision": "r1", "readyReplicas": 1, "role": "Stable", "version": "v"}
    made = deployment(
        status={"revisions": [{**stable, "artifact": {"uri": "s3://m/", "sha256": "a" * 64}}]}
    )
    m = written({"usualTime": later_by(9), "lastAction": {"type": "Retrain", "time": later_by(9)}})
    asked = Answers({"r1": PODS}, 0, ())
    plan = plan_monitor(MonitorSnapshot(m, NOW, made, training(), asked))
    assert plan.status.usual_time is None and plan.status.last_action is None  # type: ignore[union-attr]
    assert conditions(plan)["Drifted"][0] == "Unknown"


LEARNED: dict[str, Any] = {
    "behaviour": {"countedUntil": later_by(0), "hours": [60] * 400, "lastHour": later_by(-1)},
    "mix": [{"kind": "Callers", "key": "x", "names": ["a"], "hours": [1.0] * 48}],
    "performance": {"key": "k", "judgedUntil": later_by(-1), "delaysSince": later_by(-2)},
    "estimated": {"metric": "accuracy", "value": 0.9},
    "reference": {"profile": "p", "version": "v", "revision": "r0", "since": later_by(-3)},
    "usual": [{"feature": "x", "usual": 0.4}],
    "usualTime": later_by(-1),
    "worst": [{"feature": "x", "score": 0.4, "need": 0.1, "p": 0.0}],
    "consecutiveBreaches": 1,
    "fruitless": 2,
    "history": [{"time": later_by(-1), "samples": 9, "drifted": "True"}],
    "lastAction": {"type": "Retrain", "time": later_by(-1)},
    "conditions": [
        {
            "type": "Drifted",
            "status": "True",
            "reason": "DriftDetected",
            "message": "",
            "lastTransitionTime": later_by(-1),
        }
    ],
}
DONE: dict[str, Any] = {
    "report": {"number": 7, "generation": 1},
    "retrainings": 3,
    "notifications": 4,
    "actionTimes": [later_by(-2)],
}


@pytest.mark.parametrize("of", ["flights", None, "trains"])
def test_what_was_learned_of_another_deployment_is_forgotten(of: str | None) -> None:
    status = {**LEARNED, **DONE, **({"deployment": of} if of else {})}
    m = written(status)
    found = recalled(m, NOW).status
    if of != "trains":  # an older operator told no name
        assert found == m.status
        return
    kept, nothing = found.to_json(), MonitorStatus().to_json()
    assert {name: kept.get(name) for name in LEARNED} == {n: nothing.get(n) for n in LEARNED}
    assert found.report is not None and found.report.number == 7  # its Jobs' names are taken
    assert (found.retrainings, found.notifications) == (3, 4)
    assert found.action_times == [NOW - timedelta(days=2), NOW - timedelta(days=1)]


def test_a_monitor_records_whose_habits_it_knows_and_learns_those_of_another_anew() -> None:
    def look(m: DriftMonitor, made: Any) -> DriftMonitor:
        plan = plan_monitor(MonitorSnapshot(m, NOW, made))
        return DriftMonitor.read({**m.to_json(), "status": plan.status.to_json()})  # type: ignore[union-attr]

    m = look(written({**LEARNED, **DONE}, behaviour={"volume": {}}), deployment())
    assert m.status.deployment == "flights" and m.status.behaviour is not None
    assert m.status.reference is not None
    body = m.to_json()
    body["spec"]["deploymentRef"] = {"name": "trains"}
    body["metadata"]["generation"] = 2
    # Its pods are read from as far back as they keep it, as of a monitor that is made anew.
    edited = DriftMonitor.read(body)
    asked, of_new = (
        request_questions(each, feedback_serving(), [pod(PODS[0])], NOW)
        for each in (edited, monitor({"behaviour": {"volume": {}}}))
    )
    assert [start for start, _ in asked] == [start for start, _ in of_new]
    moved = look(edited, None)
    assert moved.status.deployment == "trains" and moved.status.reference is None
    assert moved.status.behaviour is None or not moved.status.behaviour.hours
    assert {c.type: c.reason for c in moved.status.conditions}["Ready"] == "DeploymentNotFound"
