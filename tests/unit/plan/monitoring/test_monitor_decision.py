import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from builders import NOW, conditions, deployment, later, monitor, training
from hypothesis import given
from hypothesis import strategies as st

from perennial.api import DriftMonitor
from perennial.api.deployment import Revision, Serving
from perennial.api.monitor import MonitorStatus, UsualScore
from perennial.plan.core.questions import Answer, Answers
from perennial.plan.monitoring import (
    MonitorSnapshot,
    newest_questions,
    plan_monitor,
    questions,
    refutable,
    slice_questions,
    wants_windows,
)
from perennial.plan.monitoring.actions.retrain import _pause
from perennial.plan.monitoring.usual import to_record, usual
from perennial_artifact.profile import Profile
from perennial_artifact.windows import Column, Window
from perennial_statistics.drift import Usual
from perennial_statistics.usual_drift import UsualDrift


def profile() -> Profile:
    feature = {"name": "x", "kind": "Numeric", "edges": [1, 2], "counts": [100, 100, 100]}
    colour = {"name": "colour", "kind": "Categorical", "categories": ["red"], "counts": [300]}
    return Profile.from_plain({"rows": 300, "features": [feature, colour]})


def window(x: list[int], unseen: int = 0, of: str = "p", missing: int = 0) -> Window:
    return Window.from_plain(
        {
            "model": "m",
            "version": "v",
            "profile": of,
            "since": 0,
            "clock": NOW.timestamp(),
            "start": int(NOW.timestamp()) - 3600,
            "end": int(NOW.timestamp()),
            "rows": sum(x) + missing,
            "features": [
                [x, 0, missing, 0],
                [[sum(x) + missing - unseen], unseen, 0, 0],
            ],
            "predictions": [],
        }
    )


def answers(windows: Sequence[Window], asked: int | None = None) -> Answers:
    """Return what ready pods told, of which so many were asked."""
    names = [f"pod-{n}" for n in range(len(windows) if asked is None else asked)]
    heard = [Answer(name, "r1", w) for name, w in zip(names, windows, strict=False)]
    return Answers({"r1": tuple(names)}, int(NOW.timestamp()), tuple(heard))


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


def look(
    m: DriftMonitor, x: list[int], at: float, unseen: int = 0, of: str = "p", **more: Any
) -> tuple[Any, Any]:
    snapshot = MonitorSnapshot(
        monitor=m,
        now=later(at),
        deployment=more.get("deployment", serving()),
        training=more.get("training", training()),
        answers=answers(more.get("windows", (window(x, unseen, of),)), more.get("asked")),
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
    assert "x is 5.88 off, drift needs 0.1" in m.status.last_action.message
    assert [e.reason for e in plan.events] == ["AskedToRetrain"]


def test_unseen_categories_break_quality() -> None:
    m = monitor({"quality": {"unseenCategory": {"maximum": 0.1}}})
    plan, m = look(m, LIKE, 0, unseen=180)
    assert conditions(plan)["QualityPassed"] == ("False", "QualityLimitsBroken")
    assert (m.status.quality[0].feature, m.status.quality[0].fraction) == ("colour", 0.2)
    told = [e for e in plan.events if e.reason == "QualityLimitsBroken"]
    assert [e.message for e in told] == ["colour UnseenCategory 20%, 10% may"]
    plan, m = look(m, LIKE, 10, unseen=180)
    assert "QualityLimitsBroken" not in [e.reason for e in plan.events]  # once
    plan, _ = look(m, LIKE, 20)
    assert conditions(plan)["QualityPassed"] == ("True", "WithinLimits")


def test_a_new_version_begins_with_a_clean_count() -> None:
    _, m = look(monitor(), DRIFTED, 0)
    assert m.status.consecutive_breaches == 1
    _, m = look(m, LIKE, 10, deployment=serving("flights-2", "r2"))
    assert m.status.reference.version == "flights-2" and m.status.consecutive_breaches == 0


def test_by_default_one_look_that_rules_out_chance_is_enough() -> None:
    _, m = look(DriftMonitor.read({"metadata": monitor().metadata, "spec": PLAIN}), DRIFTED, 0)
    assert m.status.last_action is not None


PLAIN = {"deploymentRef": {"name": "flights"}, "actions": {"retrain": {}}}


def test_scores_are_told_with_what_drift_needs_and_the_chance_of_them() -> None:
    _, m = look(monitor(), DRIFTED, 0)
    worst = m.status.worst[0]
    assert (worst.feature, worst.need) == ("x", 0.1) and worst.score > 1 and worst.p < 1e-20
    assert m.status.suspects == ["x"]
    _, m = look(m, LIKE, 10)
    assert all(w.score == 0 and w.p == 1 for w in m.status.worst) and not m.status.suspects


def test_a_column_that_is_all_missing_drifted_and_breaks_its_limit() -> None:
    plan, m = look(monitor(), LIKE, 0, windows=(window([0, 0, 0], missing=900),))
    assert conditions(plan)["Drifted"][0] == "True"
    assert conditions(plan)["QualityPassed"] == ("False", "QualityLimitsBroken")
    assert [(b.feature, b.check, b.fraction) for b in m.status.quality] == [("x", "Missing", 1.0)]


@pytest.mark.parametrize(
    ("tests", "drifted"),
    [
        ([{"name": "others", "features": ["colour"]}], "False"),
        ([{"name": "high", "threshold": 50, "features": ["x"]}, {"name": "rest"}], "False"),
        ([{"name": "low", "threshold": 0.001}], "True"),
    ],
)
def test_a_feature_is_judged_by_the_first_test_that_names_it(tests: Any, drifted: str) -> None:
    plan, _ = look(monitor({"tests": tests}), DRIFTED, 0)
    assert conditions(plan)["Drifted"][0] == drifted


def test_a_low_threshold_does_not_alarm_by_chance() -> None:
    plan, m = look(monitor({"tests": [{"name": "t", "threshold": 0.0001}]}), [290, 310, 330], 0)
    assert m.status.worst[0].score > 0.0001 or m.status.worst[0].p > 0.01
    assert conditions(plan)["Drifted"] == ("False", "LikeReference")


HOUR, DAY = 3600.0, 86_400.0
MOVED = [1500, 3000, 4500]


def test_what_comes_every_day_becomes_usual_until_the_profile_changes() -> None:
    """Four hours of each day are off: that alarms while it is new, and then no more."""
    m, alarms = monitor({"actions": {}}), []
    for hour in range(8 * 24):
        x = MOVED if 8 <= hour % 24 < 12 else [3000, 3000, 3000]
        plan, m = look(m, x, hour * HOUR)
        alarms.append(conditions(plan)["Drifted"][0])
    assert "True" not in alarms[3 * 24 :] and "True" in alarms
    (learned,) = m.status.usual
    assert learned.feature == "x" and learned.usual > 0.1 and learned.peak is None
    assert m.status.reference.since == NOW and m.status.reference.profile == "p"
    _, m = look(m, LIKE, 200 * HOUR, of="q")
    assert not m.status.usual and m.status.reference.since == later(200 * HOUR)


def test_the_same_profile_in_another_revision_keeps_what_is_usual() -> None:
    m = monitor(status={"usual": [{"feature": "x", "usual": 0.1}]})
    _, m = look(m, LIKE, 0)
    assert not m.status.usual  # nobody knows what it was learned on
    m = m.model_copy(update={"status": m.status.model_copy(update={"usual": USUAL})})
    _, m = look(m, LIKE, 10, deployment=serving("flights-1", "r2"))
    assert m.status.usual == USUAL and m.status.reference.revision == "r2"
    assert m.status.reference.since == NOW


def recorded(**known: UsualDrift) -> list[UsualScore]:
    found: Usual = {(name, "Window"): u for name, u in known.items()}
    return to_record(found, "Window", 0.02)


USUAL = recorded(x=UsualDrift(0.1))


def test_what_is_usual_is_kept_where_it_matters_and_bounded() -> None:
    many = {f"f{n}": UsualDrift(n / 1000) for n in range(400)}
    status = MonitorStatus(usual=recorded(**many))
    found = usual(status, [*many, "new"])
    assert len(status.usual) == 256 and found[("f399", "Window")] == many["f399"]
    # Whoever found no place was lower than each that did: so much is taken to be usual of it.
    assert found[("f100", "Window")] == found[("new", "Window")] == many["f144"]
    assert recorded(quiet=UsualDrift(0.006)) == []
    alarm = UsualDrift(0.0, 0.05, 0.4)
    assert usual(MonitorStatus(usual=recorded(x=alarm)), ["x"]) == {("x", "Window"): alarm}


def test_what_was_seen_is_usual_from_the_next_day_on() -> None:
    m = monitor()
    seen = MonitorStatus(usual=recorded(x=UsualDrift(0.0, 0.04)))
    _, m = look(m, LIKE, 0)
    m = m.model_copy(update={"status": m.status.model_copy(update={"usual": seen.usual})})
    for at in range(600, 86_400, 6_000):
        _, m = look(m, LIKE, at)
        assert (m.status.usual_time, m.status.usual) == (NOW, seen.usual)
    _, m = look(m, LIKE, 86_400)
    assert m.status.usual_time == later(86_400)
    assert m.status.usual == recorded(x=UsualDrift(0.04))


def sliced(m: DriftMonitor, slices: Sequence[list[int]], told: int | None = None) -> Any:
    """Return what is decided of a window whose slices were told, or some of them."""
    whole = [sum(column) for column in zip(*slices, strict=True)]
    snapshot = MonitorSnapshot(
        monitor=m,
        now=NOW,
        deployment=serving(),
        training=training(),
        answers=answers((window(whole),)),
        profile=profile(),
    )
    plan = plan_monitor(snapshot)
    names = refutable(snapshot, plan)
    assert bool(names) == (conditions(plan)["Drifted"][0] == "True")
    assert conditions(plan)["Drifted"][0] != "True" or "x" in names
    some = tuple(answers((window(x),)) for x in slices[:told])
    return plan_monitor(replace(snapshot, slices=some))


def test_rows_that_come_in_bursts_are_no_drift() -> None:
    """The same rows: as one comes after another they are drift, as bursts of one kind they say
    as little as a few rows."""
    m = monitor()
    steady = [[6, 10, 21]] * 24
    assert conditions(sliced(m, steady))["Drifted"][0] == "True"
    bursts = [[18, 10, 9]] * 6 + [[2, 10, 25]] * 18
    assert [sum(x) for x in zip(*bursts, strict=True)] == [
        sum(x) for x in zip(*steady, strict=True)
    ]
    assert conditions(sliced(m, bursts))["Drifted"] == ("False", "LikeReference")


def test_without_its_slices_nothing_is_said_of_an_alarm() -> None:
    found = sliced(monitor(), [[6, 10, 21]] * 24, told=0)
    assert conditions(found)["Drifted"] == ("Unknown", "SlicesMissing")
    like = sliced(monitor(), [[15, 15, 15]] * 24, told=0)
    assert conditions(like)["Drifted"] == ("False", "LikeReference")  # nothing asked for them


def test_the_newest_quarter_is_seen_by_itself_where_every_pod_tells_it() -> None:
    before = MonitorSnapshot(
        monitor=monitor(),
        now=NOW,
        deployment=serving(),
        training=training(),
        answers=answers((window([1_000, 1_000, 1_150]), window([1_000, 1_000, 1_150]))),
        profile=profile(),
    )
    assert conditions(plan_monitor(before))["Drifted"][0] == "False"
    newest = answers((window([0, 0, 150]), window([0, 0, 150])))
    found = plan_monitor(replace(before, newest=newest))
    assert conditions(found)["Drifted"][0] == "True"
    alone = plan_monitor(replace(before, newest=answers((window([0, 0, 150]),))))
    assert conditions(alone)["Drifted"][0] == "False"


@pytest.mark.parametrize(("length", "count"), [("1h", 24), ("50m", 24), ("10s", 2), ("24h", 24)])
def test_slices_lie_on_bounds_that_pods_count_by(length: str, count: int) -> None:
    m, pod = monitor({"window": length}), {
        "metadata": {"name": "p", "labels": {"perennial.dev/revision": "r1"}},
        "status": {"podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]},
    }  # fmt: skip
    whole = questions(m, "r1", [pod], NOW).questions[0]
    slices = [asked.questions[0] for _, asked in slice_questions(m, "r1", [pod], NOW)]
    assert len(slices) == count
    assert (slices[0].start, slices[-1].end) == (whole.start, whole.end)
    assert all(a.end == b.start and a.start < a.end for a, b in itertools.pairwise(slices))
    older = [q for q in slices if q.start < NOW.timestamp() - 3_600]
    assert all(q.start % 60 == 0 and q.end % 60 == 0 for q in older[:-1])
    newest = newest_questions(m, "r1", [pod], NOW).questions
    assert [q.start for q in newest] == ([slices[18].start] if count == 24 else [])


def test_pods_that_do_not_answer_are_told() -> None:
    plan, m = look(monitor(), LIKE, 0, asked=3)
    ready = next(c for c in plan.status.conditions if c.type == "Ready")
    assert ready.message == "watches flights; 2 of 3 ready pods did not answer"
    assert (m.status.window.pods, m.status.window.asked) == (1, 3)


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


def test_the_status_says_which_effect_a_score_is() -> None:
    chosen = {"name": "t", "features": ["x"], "effect": "KolmogorovSmirnov", "threshold": 0.3}
    plan, m = look(monitor({"tests": [chosen]}), DRIFTED, 0)
    worst = m.status.worst[0]
    assert (worst.effect, worst.score, worst.need) == ("KolmogorovSmirnov", 0.6667, 0.3)
    told = next(c.message for c in plan.status.conditions if c.type == "Drifted")
    assert told.startswith("x is 0.667 off by KolmogorovSmirnov, drift needs 0.3")
    _, m = look(monitor(), DRIFTED, 0)
    assert m.status.worst[0].effect is None and "effect" not in m.status.worst[0].to_json()


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (
            {"effect": "KolmogorovSmirnov", "features": ["colour"]},
            "KolmogorovSmirnov is of numbers, and colour is a category",
        ),
        (
            {"effect": "Wasserstein"},
            "how widely x varies is not in the version's profile: train it anew, or choose another "
            "effect than Wasserstein",
        ),
    ],
)
def test_an_effect_that_does_not_fit_is_told(chosen: dict[str, Any], message: str) -> None:
    plan, _ = look(monitor({"tests": [{"name": "t", "threshold": 1, **chosen}]}), LIKE, 0)
    assert conditions(plan)["Stalled"] == ("True", "InvalidSpec")
    assert [e.message for e in plan.events] == [message]


def test_of_numbers_only_leaves_categories_to_the_next_test() -> None:
    by_order = {"name": "numbers", "effect": "KolmogorovSmirnov", "threshold": 0.3}
    _, m = look(monitor({"tests": [by_order, {"name": "others"}]}), DRIFTED, 0)
    assert {w.feature: w.effect for w in m.status.worst} == {
        "x": "KolmogorovSmirnov",
        "colour": None,
    }


def test_a_feature_that_does_not_exist_is_named() -> None:
    tests = [{"name": "t", "threshold": 0.2, "features": ["nope"]}]
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


def ended(number: int, start: float, outcome: str, better: bool | None = None) -> Any:
    """Return a training whose run has ended; trainings of older operators say not if better."""
    run = {**ran(number, start, "Finished")}
    last = {**ran(number, start), "outcome": outcome, "finishTime": later(start + 1)}
    last |= {} if better is None else {"better": better}
    last["message"] = "what came of it"
    return training(status={"run": run, "lastRun": last})


@pytest.mark.parametrize("outcome", ["NothingNew", "GatesFailed", "Failed", "Promoted"])
def test_retraining_that_does_not_end_the_drift_becomes_rare(outcome: str) -> None:
    """By the runs that ended, not by how often it was looked; a version shipped is no cure yet."""
    m = monitor({"actions": {"retrain": {"cooldown": "200s", "dailyLimit": 100}}})
    trained, number = training(), 0
    for n in range(58):
        _, m = look(m, DRIFTED, 10.0 * n, training=trained, deployment=serving(f"flights-{number}"))
        action = m.status.last_action
        if action is not None and action.run is None:
            number += 1
            trained = ended(number, 10.0 * n + 1, outcome)
    plan, m = look(m, DRIFTED, 580, training=trained)
    assert (m.status.retrainings, m.status.fruitless) == (2, 2)
    assert conditions(plan)["RetrainingHelps"] == ("False", "DriftStayed")
    (told,) = (c.message for c in m.status.conditions if c.type == "RetrainingHelps")
    assert told == f"2 retrainings did not end it; run 2 ended as {outcome}: what came of it"
    assert m.status.conditions[1].reason == "RetrainingDoesNotHelp"
    assert m.status.conditions[1].message.endswith(
        "look at the data; the next retraining may be asked for in 30 s"
    )
    assert m.status.last_action.outcome == outcome
    _, again = look(m, DRIFTED, 611, training=trained)
    assert again.status.retrainings == 3
    changed = m.model_copy(update={"metadata": m.metadata.model_copy(update={"generation": 2})})
    plan, _ = look(changed, DRIFTED, 590, training=trained)
    assert conditions(plan)["RetrainingHelps"][0] == "True"  # a person has thought about it
    plan, m = look(m, LIKE, 600, training=trained)
    assert conditions(plan)["RetrainingHelps"][0] == "True" and m.status.fruitless == 0


def retrained(better: bool | None, serves: bool) -> tuple[list[int], Any]:
    """Return when retrainings were asked for while drift stayed, and the plan of the last look."""
    m = monitor({"actions": {"retrain": {"cooldown": "200s", "dailyLimit": 100}}})
    trained, number, served, asked = training(), 0, 0, list[int]()
    for at in range(0, 1_500, 10):
        live = serving(f"flights-{served}", f"r{served}")
        plan, m = look(m, DRIFTED, at, training=trained, deployment=live)
        action = m.status.last_action
        if action is not None and action.run is None:
            number += 1
            asked.append(at)
            trained = ended(number, at + 1, "Promoted", better)
            served = number if serves else 0
    return asked, plan


def test_what_is_better_and_serves_was_not_in_vain() -> None:
    """Where the world changes all the time, each new version helps, and so may the next one."""
    asked, plan = retrained(better=True, serves=True)
    assert asked == list(range(10, 1_500, 200)) and plan.status.fruitless == 0
    assert conditions(plan)["RetrainingHelps"] == ("True", "Helps")


@pytest.mark.parametrize(
    ("better", "serves"),
    [(True, False), (None, True), (False, True)],
    ids=["taken back by its rollout", "of an older operator, or not known", "not better"],
)
def test_what_is_not_better_or_does_not_serve_was_in_vain(
    better: bool | None, serves: bool
) -> None:
    asked, plan = retrained(better, serves)
    assert asked == [10, 210, 610, 1_410]
    assert conditions(plan)["RetrainingHelps"] == ("False", "DriftStayed")


def test_the_pause_doubles_up_to_four_times_what_is_asked() -> None:
    """Labels that come late may teach later what they do not teach now."""
    assert [_pause(60.0, n) for n in (0, 1, 2, 3, 4, 5_000)] == [60, 60, 120, 240, 240, 240]


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


def promoted(version: str, finished: float) -> Any:
    """Return a training whose newest version was promoted at a time."""
    champion = {
        "version": version,
        "metric": {"name": "roc_auc", "value": 0.9},
        "uri": "s3://m/",
        "sha256": "b" * 64,
    }
    last = {**ran(2, finished - 60), "outcome": "Promoted", "finishTime": later(finished)}
    return training(status={"lastRun": last, "champion": champion})


@pytest.mark.parametrize(
    ("version", "finished"),
    [("flights-1", -5), ("flights-2", -61), ("flights-2", 5)],
    ids=["it serves", "it was not tried within a minute", "the clock was set back"],
)
def test_what_was_promoted_is_not_waited_for_in_vain(version: str, finished: float) -> None:
    _, m = look(
        monitor({"consecutiveBreaches": 1}), DRIFTED, 0, training=promoted(version, finished)
    )
    assert m.status.last_action is not None


def test_the_run_of_another_training_answers_nothing() -> None:
    """As after the ModelDeployment was told to follow another one: both count their runs from 1."""
    m = monitor({"consecutiveBreaches": 1})
    _, m = look(m, DRIFTED, 0)
    assert m.status.last_action.training == "flights"
    ended = {
        "number": 7,
        "trigger": "Schedule",
        "outcome": "Promoted",
        "startTime": later(5),
        "finishTime": later(20),
    }
    other = training(status={"lastRun": ended})
    other = other.model_copy(
        update={"metadata": other.metadata.model_copy(update={"name": "others"})}
    )
    _, m = look(m, DRIFTED, 30, training=other)
    assert (m.status.last_action.outcome, m.status.last_action.run) == ("Unknown", None)
    assert "ModelTraining flights was asked" in m.status.last_action.result
    assert m.status.fruitless == 0


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
    assert reason(training=training({"suspend": True})) == "TrainingSuspended"
    canary = {"artifact": {"uri": "s3://m/", "sha256": "b" * 64}, "revision": "r2"}
    on_trial = serving()
    status = on_trial.status.having(canary=Revision.model_validate(canary))
    on_trial = on_trial.model_copy(update={"status": status})
    assert reason(deployment=on_trial) == "RolloutUnderWay"
    assert reason(training=promoted("flights-2", finished=-5)) == "RolloutUnderWay"
    action = {"type": "Retrain", "time": later(-30), "version": "flights-0"}
    assert reason(object={"status": {"lastAction": action}}) == "CoolingDown"
    action["time"] = later(-3600)
    times = [later(-7200), later(-3600)]
    past = {"status": {"lastAction": action, "actionTimes": times}}
    assert reason(object=past) == "DailyLimitReached"
    assert reason(spec={"actions": {}}) == "DriftDetected"


FEATURES = window(LIKE).features or []
NONSENSE = {
    "of another profile": window(DRIFTED, of="z"),
    "of no profile": window(DRIFTED, of=""),
    "a feature too few": window(DRIFTED).replace(features=FEATURES[:1]),
    "a bin too many": window(DRIFTED).replace(features=[Column([1] * 4, 0, 0, 0), FEATURES[1]]),
    "no feature": window(DRIFTED).replace(features=[]),
}


@pytest.mark.parametrize("place", [0, 2])
@pytest.mark.parametrize("odd", NONSENSE.values(), ids=NONSENSE)
def test_the_nonsense_of_one_pod_counts_as_silence_and_blinds_nobody(
    odd: Window, place: int
) -> None:
    told = [window(LIKE), window(LIKE)]
    told.insert(place, odd)
    plan, watching = look(monitor(), LIKE, 0, windows=told)
    assert conditions(plan)["Drifted"] == ("False", "LikeReference")
    found = watching.status.window
    assert (found.samples, found.pods, found.asked) == (1_800, 2, 3)
    assert "1 of 3 ready pods did not answer" in watching.status.conditions[0].message


def test_what_cannot_be_watched_says_why() -> None:
    def reason(**changes: Any) -> tuple[str, str]:
        told: dict[str, Any] = {"deployment": serving(), "answers": answers([window(LIKE)])}
        snapshot = MonitorSnapshot(monitor(), NOW, profile=profile(), **(told | changes))
        found = conditions(plan_monitor(snapshot))
        assert found["Ready"] == ("False", found["Drifted"][1])
        return found["Drifted"]

    assert reason(deployment=None) == ("Unknown", "DeploymentNotFound")
    assert reason(deployment=deployment()) == ("Unknown", "NotServing")
    assert reason(answers=answers([], 1)) == ("Unknown", "NoWindows")
    bins = window(LIKE).replace(features=(window(LIKE).features or [])[:1])
    assert reason(answers=answers([bins])) == ("Unknown", "NoWindows")
    bare = window(LIKE).replace(features=None, predictions=None)
    assert reason(answers=answers([bare])) == ("Unknown", "NoWindows")


def test_what_was_seen_before_says_nothing_of_what_is_not_seen_now() -> None:
    _, m = look(monitor(), DRIFTED, 0)
    assert m.status.worst and m.status.window is not None
    known = [{"name": "right", "verdict": "Kept", "value": 0.9}]
    mixes = [{"kind": "Callers", "verdict": "Usual", "score": 0.1, "need": 0.2, "hours": [1.0]}]
    extra = {"performance": {"metrics": known, "coverage": 0.9}, "mix": mixes}
    asked = {
        "performance": {
            "metrics": [{"name": "right", "alertRate": {"class": "late", "maximum": 0.5}}]
        },
        "behaviour": {"mix": {"callers": {"header": "x-caller"}}},
    }
    seen = {**m.status.to_json(), **extra}
    m = monitor(asked, status=seen)
    gone = MonitorSnapshot(m, later(10), deployment=None, profile=profile())
    plan = plan_monitor(gone)
    status: Any = plan.status
    assert conditions(plan)["Drifted"] == ("Unknown", "DeploymentNotFound")
    assert (status.worst, status.quality, status.suspects, status.window) == ([], [], [], None)
    (metric,), (mix,) = status.performance.metrics, status.mix
    assert (metric.verdict, metric.value) == ("Unknown", None)
    assert (mix.verdict, mix.score, mix.need, mix.hours) == ("Unknown", None, None, [1.0])
    silent = MonitorSnapshot(m, later(10), serving(), answers=answers([], 1), profile=profile())
    status = plan_monitor(silent).status
    assert (status.worst, status.window) == ([], None)


def test_between_two_evaluations_nothing_is_written() -> None:
    _, m = look(monitor(), LIKE, 0)
    snapshot = MonitorSnapshot(m, later(4), deployment=serving(), training=training())
    plan = plan_monitor(snapshot)
    assert plan.status is None and not plan.events and plan.requeue_after == 6


@pytest.mark.parametrize(
    ("length", "start"), [("1m", -60), ("59m", -3540), ("1h", -3660), ("24h", -86_460)]
)
def test_the_newest_window_that_has_ended_is_asked_for_on_bounds_of_buckets(
    length: str, start: int
) -> None:
    """An hour ago and before, pods count by the minute."""
    pod = {
        "metadata": {"name": "p", "labels": {"perennial.dev/revision": "r1"}},
        "status": {"podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]},
    }
    now = NOW.replace(minute=0, second=32, microsecond=300_000)
    (asked,) = questions(monitor({"window": length}), "r1", [pod], now).questions
    end = int(now.timestamp()) - 2
    assert (asked.end, asked.parts) == (end, ("features", "predictions", "usage"))
    assert asked.start == (end + start + 30 if start < -3600 else end + start)
    assert asked.start % (60 if start < -3600 else 5) == 0


def test_a_pod_whose_clock_is_wrong_is_told_and_counts_all_the_same() -> None:
    (heard,) = answers([window(LIKE)]).received
    late = Answers({"r1": ("pod-0",)}, 0, (replace(heard, skew=-12.0),))
    plan = plan_monitor(MonitorSnapshot(monitor(), NOW, serving(), None, late, profile()))
    ready = next(c for c in plan.status.conditions if c.type == "Ready")  # type: ignore[union-attr]
    assert "the clock of pod pod-0 is -12 s off" in ready.message
    assert conditions(plan)["Drifted"][0] == "False"
