"""A rollback is asked for where what is wrong began with a rollout, once, and before retraining."""

from datetime import timedelta
from typing import Any

import pytest
from builders import NOW, conditions, deployment, later, monitor, training, version
from feedback_world import FeedbackWorld, traffic
from report_world import FROM_LOG, told
from test_monitor_decision import answers, profile, window

from perennial.api import DriftMonitor
from perennial.plan.monitoring import MonitorSnapshot, plan_monitor
from perennial.plan.monitoring.logged import known_from
from perennial.plan.training.triggers import asked_by
from perennial_artifact.profile import FeatureProfile
from perennial_artifact.report import ReportResult

OLD, NEW = "a" * 64, "b" * 64
BOTH = {"rollback": {}, "retrain": {"cooldown": "60s", "dailyLimit": 2}}
LIKE, SHIFTED = [300, 300, 300], [0, 0, 900]


def revision(role: str, number: int, sha: str) -> dict[str, Any]:
    made = {"version": f"flights-{number}", "artifact": {"uri": "s3://m/", "sha256": sha}}
    return {**made, "revision": f"r{number}", "readyReplicas": 1, "role": role, "startTime": NOW}


def served(promoted: float | None = None, **rollout: Any) -> Any:
    """Return a deployment that serves r1, or since ``promoted`` r2 in its place."""
    revisions = [revision("Stable", 1, OLD)]
    if promoted is not None:
        revisions = [revision("Stable", 2, NEW), revision("Previous", 1, OLD)]
    more = rollout.pop("revisions", [])
    told = {"promotedTime": later(promoted or -86_400), **rollout}
    spec = {"model": {"trainingRef": {"name": "flights"}}}
    return deployment(spec, status={"revisions": [*revisions, *more], "rollout": told})


def watching(**actions: Any) -> DriftMonitor:
    return monitor({"consecutiveBreaches": 1, "actions": actions or BOTH})


def look(
    m: DriftMonitor,
    at: float,
    deployed: Any,
    predictions: list[int],
    inputs: list[int] = LIKE,
    trained: Any = None,
    **more: Any,
) -> tuple[Any, DriftMonitor]:
    """Look once at traffic whose inputs and predictions are distributed so."""
    score = FeatureProfile.from_plain(
        {"name": "score", "kind": "Numeric", "edges": [1, 2], "counts": [100, 100, 100]}
    )
    counted = window(inputs).replace(predictions=[[predictions, 0, 0, 0]])
    counted = type(counted).from_plain(counted.to_plain())
    snapshot = MonitorSnapshot(
        monitor=m,
        now=later(at),
        deployment=deployed,
        training=trained or training(),
        answers=answers((counted,)),
        profile=profile().replace(predictions=[score]),
        **more,
    )
    plan = plan_monitor(snapshot)
    body = {**m.to_json(), "status": plan.status.to_json()}  # type: ignore[union-attr]
    return plan, DriftMonitor.read(body)


def after(promoted: float, **actions: Any) -> DriftMonitor:
    """Return a monitor that saw nothing wrong until another version took over."""
    m = watching(**actions)
    for at in (promoted - 20, promoted - 10):
        _, m = look(m, at, served(), LIKE)
    return m


def said(m: DriftMonitor, type: str = "Drifted") -> tuple[str, str]:
    (found,) = (c for c in m.status.conditions if c.type == type)
    return found.reason, found.message


def test_predictions_that_drift_since_a_rollout_ask_for_a_rollback_and_for_nothing_else() -> None:
    plan, m = look(after(100), 110, served(100), SHIFTED)
    asked, action = m.status.rollback, m.status.last_action
    assert asked is not None and action is not None
    assert (asked.revision, asked.to, asked.outcome) == ("r2", "r1", "")
    assert (asked.version, asked.to_version) == ("flights-2", "flights-1")
    assert (action.type, action.version) == ("Rollback", "flights-2")
    assert asked.message.startswith("flights-2 drifted, and flights-1 before it did not: ")
    assert m.status.retrainings == 0 and m.status.rollbacks == 1
    assert [e.reason for e in plan.events] == ["DriftDetected", "AskedToRollBack"]
    assert said(m)[0] == "AskedToRollBack"
    _, m = look(m, 120, served(100), SHIFTED)
    assert said(m)[0] == "RollbackUnderWay" and m.status.retrainings == 0
    assert m.status.rollback == asked


def test_inputs_that_drift_are_no_rollouts_doing() -> None:
    _, m = look(after(100), 110, served(100), SHIFTED, inputs=SHIFTED)
    assert m.status.rollback is None and said(m)[0] == "AskedToRetrain"


def test_what_the_version_before_had_too_began_before() -> None:
    m = watching(rollback={})
    for at in (80, 90):
        _, m = look(m, at, served(), SHIFTED)
    assert m.status.rollback is None  # there is nothing to go back to
    _, m = look(m, 110, served(100), SHIFTED)
    assert m.status.rollback is None
    assert said(m)[1].endswith("no rollback: flights-1 before it was not known to be better")


def test_what_was_not_watched_is_not_known_to_have_been_better() -> None:
    """The operator was away when the version took over, or looked at another one last."""
    m = after(100)
    _, late = look(m, 5_010, served(5_000), SHIFTED)
    assert late.status.rollback is None
    assert "was not known to be better" in said(late)[1]
    _, fresh = look(watching(rollback={}), 110, served(100), SHIFTED)
    assert said(fresh)[1].endswith("no rollback: flights-1 before it was not watched")


def test_what_begins_long_after_is_not_the_rollouts_doing() -> None:
    m = after(100, rollback={"within": "1h"}, retrain={})
    _, m = look(m, 110, served(100), LIKE)
    _, m = look(m, 3_710, served(100), SHIFTED)
    assert m.status.rollback is None and said(m)[0] == "AskedToRetrain"
    assert "more than 1h after the version took over; asked to retrain" in said(m)[1]


def test_it_counts_when_it_began_and_not_when_it_can_be_acted_on() -> None:
    m = after(100, rollback={"within": "1h"})
    canary = revision("Canary", 3, "c" * 64)
    _, m = look(m, 110, served(100, revisions=[canary]), SHIFTED)
    assert said(m)[0] == "RolloutUnderWay" and m.status.rollback is None
    _, m = look(m, 4_000, served(100), SHIFTED)
    assert said(m)[0] == "AskedToRollBack"


@pytest.mark.parametrize(
    ("deployed", "reason"),
    [
        ({"revisions": [revision("Canary", 3, "c" * 64)]}, "RolloutUnderWay"),
        ({"baking": "r2"}, "RolloutUnderWay"),
        ({"revisions": [revision("Variant", 3, "c" * 64)]}, "ExperimentUnderWay"),
        (
            {"rejected": [{"revision": "r1", "reason": "Decayed", "message": "m", "time": NOW}]},
            "NothingToGoBackTo",
        ),
    ],
)
def test_what_speaks_against_it(deployed: dict[str, Any], reason: str) -> None:
    _, m = look(after(100, rollback={}), 110, served(100, **deployed), SHIFTED)
    assert m.status.rollback is None and said(m)[0] == reason


def test_a_version_that_live_traffic_refuted_is_not_gone_back_to() -> None:
    outcome = {"reason": "RolledBack", "deployment": "other", "message": "m", "time": NOW}
    refuted = version(1, OLD, outcome=outcome)
    assert refuted.refuted is not None
    _, m = look(after(100, rollback={}), 110, served(100), SHIFTED, earlier=refuted)
    assert said(m)[0] == "NothingToGoBackTo"
    sound = version(1, OLD)
    _, m = look(after(100, rollback={}), 110, served(100), SHIFTED, earlier=sound)
    assert said(m)[0] == "AskedToRollBack"


def rolled_back(**actions: Any) -> DriftMonitor:
    """Return a monitor whose rollback was done."""
    _, m = look(after(100, **actions), 110, served(100), SHIFTED)
    back = served(promoted=None, promotedTime=later(115))
    _, m = look(m, 120, back, LIKE)
    assert m.status.rollback is not None and m.status.rollback.outcome == "WentBack"
    return m


def test_each_revision_is_taken_back_once() -> None:
    m = rolled_back(rollback={"cooldown": "1s"})
    for at in (190, 195):
        _, m = look(m, at, served(), LIKE)
    _, m = look(m, 210, served(200), SHIFTED)  # a person let it serve again
    assert said(m)[0] == "RolledBackBefore" and m.status.rollbacks == 1


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"cooldown": "1h"}, "CoolingDown"),
        ({"cooldown": "1s", "dailyLimit": 1}, "DailyLimitReached"),
    ],
)
def test_cooldown_and_daily_limit(how: dict[str, Any], reason: str) -> None:
    m = rolled_back(rollback=how)
    for at in (190, 195):
        _, m = look(m, at, served(), LIKE)
    third = [revision("Stable", 3, "c" * 64), revision("Previous", 1, OLD)]
    status = {"revisions": third, "rollout": {"promotedTime": later(200)}}
    deployed = deployment({"model": {"trainingRef": {"name": "flights"}}}, status=status)
    _, m = look(m, 210, deployed, SHIFTED)
    assert said(m)[0] == reason and m.status.rollbacks == 1


def test_observe_only_tells() -> None:
    plan, m = look(after(100, **BOTH, mode="Observe"), 110, served(100), SHIFTED)
    assert m.status.rollback is None and m.status.last_action is None
    assert said(m)[1].endswith("; actions.mode is Observe, else: rollback")
    assert [e.reason for e in plan.events] == ["DriftDetected"]


DECIDED = {"decision": "RolledBack", "revision": "r2", "version": "flights-2", "reason": "Decayed"}


@pytest.mark.parametrize(
    ("at", "changes", "actions", "outcome"),
    [
        (120, {}, {"rollback": {}}, ""),
        (120, {"revisions": [revision("Canary", 1, OLD)]}, {"rollback": {}}, ""),
        (120, {"decisions": [{**DECIDED, "time": later(112)}]}, {"rollback": {}}, "Aborted"),
        (120, {}, {"retrain": {}}, "Withdrawn"),
        (1_100, {}, {"rollback": {}}, "NotDone"),
    ],
)
def test_what_came_of_it(
    at: float, changes: dict[str, Any], actions: dict[str, Any], outcome: str
) -> None:
    _, m = look(after(100), 110, served(100), SHIFTED)
    changed = watching(**actions).model_copy(update={"status": m.status})
    _, m = look(changed, at, served(100, **changes), LIKE)
    assert m.status.rollback is not None and m.status.rollback.outcome == outcome
    assert ("r2" in m.status.rollback.revisions) == (outcome in ("", "Aborted"))


def test_another_version_that_serves_makes_it_void() -> None:
    _, m = look(after(100), 110, served(100), SHIFTED)
    third = [revision("Stable", 3, "c" * 64), revision("Previous", 2, NEW)]
    status = {"revisions": third, "rollout": {"promotedTime": later(115)}}
    deployed = deployment({"model": {"trainingRef": {"name": "flights"}}}, status=status)
    _, m = look(m, 120, deployed, LIKE)
    assert m.status.rollback is not None and m.status.rollback.outcome == "Superseded"


def test_a_limit_that_the_new_version_breaks_asks_for_a_rollback() -> None:
    """Of labels: cohorts begin anew with it, so nothing of the old version is held against it."""
    asked = {"window": "4h", "maturity": "10m"}
    metrics = [{"name": "recall", "recall": {"of": "fraud", "minimum": 0.6}}]
    world = FeedbackWorld({**asked, "metrics": metrics})
    world.monitor = world.monitor.model_copy(
        update={
            "spec": world.monitor.spec.model_validate(
                {**world.monitor.spec.to_json(), "actions": BOTH}
            )
        }
    )
    hour = 3600.0
    world.deployment = served()
    world.rows = traffic((-6, 6), 600, lambda _: 0.2, lambda _: 0.8)
    for minute in range(0, 361, 5):
        kept = world.look(60.0 * minute)
    assert kept == ("True", "WithinLimits")
    came = traffic((6, 20), 600, lambda _: 0.2, lambda _: 0.2, seed=2)
    world.rows += [type(r)(**{**r.__dict__, "version": NEW[:12]}) for r in came]
    world.deployment = served(6 * hour + 10)
    looks = [world.look(60.0 * minute) for minute in range(365, 660, 5)]
    asked_at = next(n for n, (_, reason) in enumerate(looks) if reason == "AskedToRollBack")
    assert all(status == "Unknown" for status, _ in looks[:3]) and asked_at < len(looks)
    rollback = world.monitor.status.rollback
    assert rollback is not None and (rollback.revision, rollback.to) == ("r2", "r1")
    assert world.monitor.status.retrainings == 0
    assert rollback.time - NOW < timedelta(hours=10)


def test_conditions_of_a_rollback_are_told_in_the_plan() -> None:
    plan, _ = look(after(100), 110, served(100), SHIFTED)
    assert conditions(plan)["Drifted"] == ("True", "AskedToRollBack")


def reported(m: DriftMonitor, sha: str, at: float, missed: float) -> DriftMonitor:
    """Return the monitor to which a report has told how many frauds a version misses."""
    result = ReportResult.from_json(told(1, later(at), missed))
    assert m.spec.performance is not None
    known = known_from(m.spec.performance, None, sha[:12], result)
    return m.model_copy(update={"status": m.status.model_copy(update={"performance": known})})


def asked_for_both() -> tuple[Any, DriftMonitor]:
    """Return a pass in which inputs drift, and labels show that a rollout made it worse."""
    asked = {"report": {"every": "1h"}, "performance": FROM_LOG, "actions": BOTH}
    m = monitor({"consecutiveBreaches": 1, **asked})
    for at in (80, 90):
        _, m = look(reported(m, OLD, at, missed=0.1), at, served(), LIKE)
    assert said(m, "PerformanceKept")[0] == "WithinLimits"
    return look(reported(m, NEW, 110, missed=0.9), 110, served(100), SHIFTED, inputs=SHIFTED)


def test_a_rollback_in_the_same_pass_hides_no_retraining() -> None:
    plan, m = asked_for_both()
    reasons = [e.reason for e in plan.events]
    assert reasons.index("AskedToRetrain") < reasons.index("AskedToRollBack")
    assert (m.status.retrainings, m.status.rollbacks) == (1, 1)
    last, retraining = m.status.last_action, m.status.last_retraining
    assert last is not None and retraining is not None
    assert (last.type, last.test) == ("Rollback", "performance")
    assert (retraining.type, retraining.test, retraining.time) == ("Retrain", "drift", later(110))
    assert asked_by(m, "flights") == retraining  # the training has not read it yet


def run_of(better: bool | None = None) -> Any:
    """Return a training whose run was begun by that ask, and ended."""
    run = {"number": 2, "trigger": "Drift", "startTime": later(112), "generation": 1}
    last = {**run, "outcome": "Promoted", "finishTime": later(130), "message": "flights-3"}
    return training(status={"lastRun": last | ({} if better is None else {"better": better})})


def test_what_comes_of_a_retraining_is_counted_after_a_rollback_too() -> None:
    _, m = asked_for_both()
    back = served(promoted=None, promotedTime=later(115))
    _, m = look(m, 140, back, LIKE, inputs=SHIFTED, trained=run_of())
    retraining = m.status.last_retraining
    assert retraining is not None and (retraining.run, retraining.outcome) == (2, "Promoted")
    assert m.status.fruitless == 1 and asked_by(m, "flights") is None
    _, m = look(m, 150, back, LIKE, inputs=SHIFTED, trained=run_of())
    assert m.status.fruitless == 1  # once
    assert "run 2 ended as Promoted" in said(m, "RetrainingHelps")[1]
    assert m.status.last_action is not None and m.status.last_action.type == "Rollback"


def test_what_a_rollback_brings_back_did_not_come_of_the_retraining() -> None:
    _, m = asked_for_both()
    back = served(promoted=None, promotedTime=later(115))
    for at in (140, 150):
        _, m = look(m, at, back, LIKE, inputs=SHIFTED, trained=run_of(better=True))
    assert m.status.fruitless == 1
    third = deployment(
        {"model": {"trainingRef": {"name": "flights"}}},
        status={
            "revisions": [revision("Stable", 3, "c" * 64), revision("Previous", 1, OLD)],
            "rollout": {"promotedTime": later(155)},
        },
    )
    _, m = look(m, 160, third, LIKE, inputs=SHIFTED, trained=run_of(better=True))
    assert m.status.fruitless == 0


def test_the_next_retraining_takes_its_place() -> None:
    _, m = asked_for_both()
    back = served(promoted=None, promotedTime=later(115))
    _, m = look(m, 140, back, LIKE, inputs=SHIFTED, trained=run_of())
    _, m = look(m, 300, back, LIKE, inputs=SHIFTED, trained=run_of())
    assert m.status.retraining is None and m.status.retrainings == 2
    assert m.status.last_action is not None and m.status.last_action.time == later(300)
