import itertools
import math
from datetime import timedelta
from typing import Any

import pytest
from builders import NOW, conditions, deployment, later, monitor, training
from hypothesis import given
from hypothesis import strategies as st

from perennial.api import DriftMonitor
from perennial.api.deployment import Revision, Serving
from perennial.plan.drift import kolmogorov_smirnov, psi
from perennial.plan.monitor import MonitorSnapshot, plan_monitor, wants_windows
from perennial_artifact.profile import Profile
from perennial_artifact.window import Window, merge

COUNTS = st.lists(st.integers(0, 1000), min_size=4, max_size=4)


def test_psi_has_the_textbook_value() -> None:
    # (0.5-0.2) ln(0.5/0.2) + (0.5-0.8) ln(0.5/0.8), the half counts being negligible.
    expected = 0.3 * math.log(2.5) - 0.3 * math.log(0.625)
    assert psi([200_000, 800_000], [500_000, 500_000]) == pytest.approx(expected, abs=1e-4)


@given(COUNTS, COUNTS)
def test_psi_is_a_symmetric_divergence(a: list[int], b: list[int]) -> None:
    assert psi(a, b) >= 0
    assert psi(a, b) == pytest.approx(psi(b, a))
    assert psi(a, a) == 0


@given(COUNTS, COUNTS)
def test_ks_is_a_distance_between_zero_and_one(a: list[int], b: list[int]) -> None:
    assert 0 <= kolmogorov_smirnov(a, b) <= 1
    assert kolmogorov_smirnov(a, a) == 0


def test_ks_by_hand() -> None:
    assert kolmogorov_smirnov([1, 1, 1, 1], [0, 0, 2, 2]) == 0.5


def profile() -> Profile:
    feature = {"name": "x", "kind": "Numeric", "edges": [1, 2], "counts": [100, 100, 100]}
    colour = {"name": "colour", "kind": "Categorical", "categories": ["red"], "counts": [300]}
    return Profile.from_plain({"rows": 300, "features": [feature, colour]})


def window(x: list[int], unseen: int = 0) -> Window:
    return Window.from_plain(
        {
            "model": "m",
            "version": "v",
            "profile": "p",
            "start": NOW,
            "end": NOW,
            "samples": sum(x),
            "features": [
                {"name": "x", "counts": x},
                {"name": "colour", "counts": [sum(x) - unseen], "other": unseen},
            ],
        }
    )


def serving(version: str = "flights-1", revision: str = "r1") -> Any:
    stable = {
        "version": version,
        "artifact": {"uri": "s3://m/", "sha256": "a" * 64},
        "revision": revision,
        "readyReplicas": 1,
        "role": "Stable",
    }
    spec = {"model": {"trainingRef": {"name": "flights"}}}
    return deployment(spec, status={"revisions": [stable]})


def look(m: DriftMonitor, x: list[int], at: float, unseen: int = 0, **more: Any) -> tuple[Any, Any]:
    snapshot = MonitorSnapshot(
        monitor=m,
        now=later(at),
        deployment=more.get("deployment", serving()),
        training=more.get("training", training()),
        windows=(window(x, unseen),),
        profile=profile(),
    )
    plan = plan_monitor(snapshot)
    return plan, m.model_copy(update={"status": plan.status})


DRIFTED, LIKE = [0, 0, 900], [300, 300, 300]


def test_too_few_samples_are_unknown_not_a_verdict() -> None:
    plan, m = look(monitor(), [0, 0, 50], 0)
    assert conditions(plan)["Drifted"] == ("Unknown", "TooFewSamples")
    assert m.status.consecutive_breaches == 0 and m.status.last_action is None


def test_drift_asks_for_retraining_after_enough_breaches_in_a_row() -> None:
    plan, m = look(monitor(), DRIFTED, 0)
    assert conditions(plan)["Drifted"] == ("True", "DriftDetected")
    assert m.status.last_action is None
    plan, m = look(m, LIKE, 10)
    assert conditions(plan)["Drifted"] == ("False", "LikeReference")
    _, m = look(m, DRIFTED, 20)
    assert m.status.last_action is None  # the row was broken
    plan, m = look(m, DRIFTED, 30)
    assert conditions(plan)["Drifted"] == ("True", "AskedToRetrain")
    assert "x PSI" in m.status.last_action.message
    assert [e.reason for e in plan.events] == ["AskedToRetrain"]


def test_unseen_categories_break_quality() -> None:
    m = monitor({"quality": {"unseenCategory": {"maximumFraction": 0.1}}})
    plan, m = look(m, LIKE, 0, unseen=180)
    assert conditions(plan)["QualityPassed"] == ("False", "QualityLimitsBroken")
    assert (m.status.quality[0].feature, m.status.quality[0].fraction) == ("colour", 0.2)
    told = [e for e in plan.events if e.reason == "QualityLimitsBroken"]
    assert [e.message for e in told] == ["colour UnseenCategory 20.0%"]
    plan, m = look(m, LIKE, 10, unseen=180)
    assert "QualityLimitsBroken" not in [e.reason for e in plan.events]  # once
    plan, _ = look(m, LIKE, 20)
    assert conditions(plan)["QualityPassed"] == ("True", "WithinLimits")


def test_a_new_version_begins_with_a_clean_count() -> None:
    _, m = look(monitor(), DRIFTED, 0)
    assert m.status.consecutive_breaches == 1
    _, m = look(m, LIKE, 10, deployment=serving("flights-2", "r2"))
    assert m.status.reference.version == "flights-2" and m.status.consecutive_breaches == 0


def test_windows_that_are_switched_off_are_named_not_waited_for() -> None:
    silent = serving()
    spec = silent.spec.model_copy(update={"serving": Serving(drift_windows="Disabled")})
    silent = silent.model_copy(update={"spec": spec})
    assert wants_windows(monitor(), serving(), NOW) and not wants_windows(monitor(), silent, NOW)
    plan = plan_monitor(MonitorSnapshot(monitor(), NOW, silent))
    found = conditions(plan)
    assert found["Stalled"] == ("True", "DriftWindowsDisabled")
    assert found["Drifted"] == ("Unknown", "DriftWindowsDisabled") and found["Ready"][0] == "False"
    told = next(c.message for c in plan.status.conditions if c.type == "Ready")  # type: ignore[union-attr]
    assert told == "flights counts nothing: set its spec.serving.driftWindows to Enabled"


def test_a_feature_that_does_not_exist_is_named() -> None:
    tests = [{"name": "t", "method": "PSI", "threshold": 0.2, "features": ["nope"]}]
    plan, _ = look(monitor({"tests": tests}), LIKE, 0)
    assert conditions(plan)["Stalled"] == ("True", "InvalidSpec")
    assert [e.message for e in plan.events] == ["nope is no feature; known are colour, x"]


@given(st.lists(st.tuples(st.sampled_from([DRIFTED, LIKE]), st.integers(10, 90)), max_size=40))
def test_actions_respect_cooldown_and_daily_limit(looks: list[tuple[list[int], int]]) -> None:
    m, at, actions = monitor(), 0.0, []
    for n, (x, wait) in enumerate(looks):
        at += wait
        _, after = look(m, x, at, deployment=serving(f"flights-{n}"))
        if after.status.last_action != m.status.last_action:
            actions.append(after.status.last_action.time)
        m = after
    assert all(b - a >= timedelta(seconds=60) for a, b in itertools.pairwise(actions))
    assert len(actions) <= 2  # the daily limit; the walk is shorter than a day


def ended(number: int, start: float, outcome: str) -> Any:
    """Return a training whose run has ended."""
    run = {**ran(number, start, "Finished")}
    last = {**ran(number, start), "outcome": outcome, "finishTime": later(start + 1)}
    return training(status={"run": run, "lastRun": last})


@pytest.mark.parametrize("outcome", ["NothingNew", "GatesFailed", "Failed", "Promoted"])
def test_retraining_that_does_not_end_the_drift_is_given_up(outcome: str) -> None:
    """By the runs that ended, not by how often it was looked; a version shipped is no cure yet."""
    m = monitor({"actions": {"retrain": {"cooldown": "1s", "dailyLimit": 100}}})
    trained, number = training(), 0
    for n in range(30):
        _, m = look(m, DRIFTED, 10.0 * n, training=trained, deployment=serving(f"flights-{number}"))
        action = m.status.last_action
        if action is not None and action.run is None:
            number += 1
            trained = ended(number, 10.0 * n + 1, outcome)
    plan, m = look(m, DRIFTED, 400, training=trained)
    assert (m.status.retrainings, m.status.fruitless) == (2, 2)
    assert conditions(plan)["RetrainingHelps"] == ("False", "DriftStayed")
    assert m.status.conditions[1].reason == "RetrainingDoesNotHelp"
    assert m.status.last_action.outcome == outcome
    changed = m.model_copy(update={"metadata": m.metadata.model_copy(update={"generation": 2})})
    plan, _ = look(changed, DRIFTED, 410, training=trained)
    assert conditions(plan)["RetrainingHelps"][0] == "True"  # a person has thought about it
    plan, m = look(m, LIKE, 420, training=trained)
    assert conditions(plan)["RetrainingHelps"][0] == "True" and m.status.fruitless == 0


def ran(number: int, start: float, phase: str = "Fitting") -> dict[str, Any]:
    told = {"number": number, "trigger": "Schedule", "generation": 1, "startTime": later(start)}
    return {**told, "phase": phase}


@pytest.mark.parametrize(
    ("run", "last", "came"),
    [
        (None, None, None),
        (ran(3, 9, "Finished"), None, None),  # it had begun before
        (ran(4, 10), None, 4),
        (ran(4, 12), ran(3, 9), 4),
        (ran(5, 30), ran(4, 12), 4),  # the next one is under way already
    ],
)
def test_the_run_that_came_of_an_action_is_told(
    run: dict[str, Any] | None, last: dict[str, Any] | None, came: int | None
) -> None:
    _, m = look(monitor({"consecutiveBreaches": 1}), DRIFTED, 10)
    assert m.status.last_action.run is None and m.status.retrainings == 1
    if last is not None:
        last = {**last, "outcome": "Promoted", "finishTime": later(25)}
    trained = training(status={"run": run, "lastRun": last})
    snapshot = MonitorSnapshot(m, later(14), deployment=serving(), training=trained)
    plan = plan_monitor(snapshot)
    if came is None:
        assert plan.status is None
        return
    assert plan.status.last_action.run == came and not plan.events  # type: ignore[union-attr]
    m = m.model_copy(update={"status": plan.status})
    newer = training(status={"run": ran(9, 40)})
    later_on = MonitorSnapshot(m, later(15), deployment=serving(), training=newer)
    assert plan_monitor(later_on).status is None
    _, m = look(m, DRIFTED, 100, training=training(), deployment=serving("flights-9", "r9"))
    assert m.status.last_action.run is None and m.status.retrainings == 2


def test_why_no_retraining_is_asked_for() -> None:
    def reason(**more: Any) -> str:
        m = monitor({"consecutiveBreaches": 1, **more.pop("spec", {})}, **more.pop("object", {}))
        plan, after = look(m, DRIFTED, 0, **more)
        assert after.status.last_action == m.status.last_action
        return conditions(plan)["Drifted"][1]

    fitting = {
        "number": 2,
        "trigger": "Spec",
        "phase": "Fitting",
        "startTime": NOW,
        "generation": 1,
    }
    assert reason(training=training(status={"run": fitting})) == "RetrainingUnderWay"
    assert reason(training=None) == "NoTraining"
    canary = {"artifact": {"uri": "s3://m/", "sha256": "b" * 64}, "revision": "r2"}
    on_trial = serving()
    status = on_trial.status.having(canary=Revision.model_validate(canary))
    on_trial = on_trial.model_copy(update={"status": status})
    assert reason(deployment=on_trial) == "RolloutUnderWay"
    action = {"type": "Retrain", "time": later(-30), "version": "flights-0"}
    assert reason(object={"status": {"lastAction": action}}) == "CoolingDown"
    action["time"] = later(-3600)
    times = [later(-7200), later(-3600)]
    past = {"status": {"lastAction": action, "actionTimes": times}}
    assert reason(object=past) == "DailyLimitReached"
    assert reason(spec={"actions": {}}) == "DriftDetected"


def test_what_cannot_be_watched_says_why() -> None:
    def reason(**changes: Any) -> tuple[str, str]:
        told: dict[str, Any] = {"deployment": serving(), "windows": (window(LIKE),)}
        snapshot = MonitorSnapshot(monitor(), NOW, profile=profile(), **(told | changes))
        found = conditions(plan_monitor(snapshot))
        assert found["Ready"] == ("False", found["Drifted"][1])
        return found["Drifted"]

    assert reason(deployment=None) == ("Unknown", "DeploymentNotFound")
    assert reason(deployment=deployment()) == ("Unknown", "NotServing")
    assert reason(windows=()) == ("Unknown", "NoWindows")
    other = window(LIKE).replace(profile="of another version")
    assert reason(windows=(window(LIKE), other)) == ("Unknown", "NoWindows")


def test_between_two_evaluations_nothing_is_written() -> None:
    _, m = look(monitor(), LIKE, 0)
    snapshot = MonitorSnapshot(m, later(4), deployment=serving(), training=training())
    plan = plan_monitor(snapshot)
    assert plan.status is None and not plan.events and plan.requeue_after == 6


@given(st.permutations([[1, 2, 3], [4, 5, 6], [7, 8, 9]]))
def test_windows_merge_in_any_order(parts: list[list[int]]) -> None:
    merged = merge([window(p) for p in parts])
    assert merged.features[0].counts == [12, 15, 18] and merged.samples == 45
