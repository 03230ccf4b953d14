from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from builders import NOW, conditions
from feedback_world import HIGH, LOW, SHA, FeedbackWorld, Row, serving, traffic

from perennial.api import DriftMonitor
from perennial.api.monitor import Performance
from perennial.api.values import seconds
from perennial.plan.monitoring.cohorts import width
from perennial.plan.monitoring.measures import first_alert
from perennial_artifact.scores import EDGES

HOUR = 3600.0
ACCURATE = {"metrics": [{"name": "right", "accuracy": {"minimum": 0.9}}], "maturity": "1m"}
FRAUD = {
    "maturity": "1m",
    "metrics": [
        {"name": "caught", "recall": {"minimum": 0.5}},
        {"name": "alerts-right", "precision": {"minimum": 0.5}},
        {"name": "alerts", "alertRate": {"minimum": 0.02, "maximum": 0.2}},
    ],
}


def always(share: float) -> Any:
    return lambda hour: share


def test_without_any_label_it_is_unknown_and_never_kept() -> None:
    rows = [Row(NOW.timestamp() - 60 * n, LOW) for n in range(600)]
    world = FeedbackWorld(ACCURATE, rows)
    assert world.look(0) == ("Unknown", "TooLittleKnown")
    assert "right: 0 labels of predictions more than 1 min old" in world.message()


def test_a_model_without_a_profile_is_watched_all_the_same() -> None:
    world = FeedbackWorld(ACCURATE, traffic((-24, 0), 100, always(0.1), always(0.8)))
    assert world.look(0)[0] == "True"
    found = conditions(world.plan)
    assert found["Ready"] == ("True", "WatchesInPart")
    assert found["Drifted"] == ("Unknown", "NoWindows")


def test_pods_that_count_no_outcomes_are_told_with_what_to_do() -> None:
    world = FeedbackWorld(ACCURATE, counts_outcomes=False)
    assert world.look(0) == ("Unknown", "TooLittleKnown")
    assert "needs spec.serving.receipts" in world.message()


@pytest.mark.parametrize(
    "window, interval, fits",
    [("1h", "1h", True), ("1h", "2h", False), ("720h", "23h", True), ("720h", "24h", False)],
)
def test_looks_so_far_apart_that_outcomes_are_lost_between_them_are_said_to_be(
    window: str, interval: str, fits: bool
) -> None:
    world = FeedbackWorld({**ACCURATE, "window": window})
    spec = {**world.monitor.spec.to_json(), "interval": interval}
    world.monitor = DriftMonitor.read({**world.monitor.to_json(), "spec": spec})
    world.look(0)
    world.asked.clear()
    said = world.look(seconds(interval))
    assert (said != ("Unknown", "InvalidSpec")) == fits
    assert (world.asked[0][0] <= NOW.timestamp()) == fits  # nothing between is left out
    assert fits or f"asked each {interval}" in world.message()


def test_a_model_that_is_good_enough_is_called_so_with_its_interval() -> None:
    world = FeedbackWorld(ACCURATE, traffic((-24, 0), 100, always(0.1), always(0.8)))
    assert world.look(0) == ("True", "WithinLimits")
    found = world.metric("right")
    assert 0.94 < found.value < 0.98 and found.low < found.value < found.high
    assert "right: accuracy 96" in found.message and "at least 90% is asked for" in found.message


def test_one_that_became_worse_is_found_and_retrained_once() -> None:
    from builders import training

    rows = traffic((-24, 12), 100, always(0.1), lambda hour: 0.9 if hour < 0 else 0.1)
    world = FeedbackWorld(FRAUD, rows, training=training())
    assert world.look(0)[0] == "True"
    found = [world.look(300.0 * n) for n in range(1, 12 * 12)]
    broken = [n for n, (status, _) in enumerate(found) if status == "False"]
    assert broken and broken[0] < 12 * 9
    assert found[broken[0]][1] == "AskedToRetrain"
    action = world.monitor.status.last_action
    assert action is not None and action.test == "performance"
    assert action.message.startswith("flights-1 predicts worse: caught: recall ")
    assert world.metric("caught").p < 1e-3


def test_the_fraud_case_is_seen_by_alerts_while_accuracy_is_silent() -> None:
    """Recall falls, hardly any label is known yet: the alert rate says it at once."""
    rows = traffic((-24, 24), 400, always(0.05), lambda hour: 0.9 if hour < 0 else 0.0, false=0.0)
    late = [Row(r.made, r.byte) for r in rows]
    metrics = [
        {"name": "alerts", "alertRate": {"minimum": 0.02}},
        {"name": "right", "accuracy": {"minimum": 0.9}},
    ]
    world = FeedbackWorld({"metrics": metrics, "maturity": "1h"}, late)
    world.look(0)
    assert world.metric("alerts").verdict == "Kept"
    assert world.metric("right").verdict == "Unknown"
    for n in range(1, 12 * 20):
        if world.look(300.0 * n)[0] == "False":
            break
    assert world.metric("alerts").verdict == "Broken" and n < 12 * 12
    assert "alerts: alert rate " in world.message()
    assert "at least 2% is asked for" in world.message()


def test_slow_labels_of_one_class_do_not_flatter() -> None:
    """Genuine ones are known at once, fraud after five hours: the newest labels are all right."""
    rows = traffic((-72, 0), 200, always(0.2), always(0.3), delay=(30, 5 * HOUR))
    spec = {"window": "6h", "metrics": [{"name": "right", "accuracy": {"minimum": 0.9}}]}
    world = FeedbackWorld({**spec, "maturity": "1m"}, rows)
    world.look(0)
    flattered = world.metric("right").value
    learned = FeedbackWorld(spec, rows)
    for n in range(-12, 1):
        learned.look(n * 4 * HOUR)
    state = learned.monitor.status.performance
    assert state is not None and state.maturity_seconds == 21_600
    assert learned.metric("right").value == pytest.approx(0.84, abs=0.025)
    assert flattered > 0.9 and learned.metric("right").verdict == "Broken"


def test_how_late_labels_come_is_unknown_until_it_was_watched() -> None:
    spec = {"metrics": [{"name": "right", "accuracy": {"minimum": 0.9}}]}
    rows = traffic((0, 30), 100, always(0.1), always(0.8))
    world = FeedbackWorld(spec, rows, deployment=serving(start=NOW))
    for hour in (1, 10, 20):
        assert world.look(hour * HOUR) == ("Unknown", "TooLittleKnown")
        assert "is known after 23 hours of watching" in world.message()
    assert world.look(25 * HOUR) == ("True", "WithinLimits")
    state = world.monitor.status.performance
    assert state is not None and state.maturity_seconds == 60


def test_a_new_version_begins_anew_and_how_late_labels_come_stays_known() -> None:
    spec = {"metrics": [{"name": "right", "accuracy": {"minimum": 0.9}}]}
    world = FeedbackWorld(spec, traffic((-24, 0), 100, always(0.1), always(0.0), false=0.3))
    assert world.look(0)[0] == "False"
    world.deployment = serving("b" * 64, start=NOW)
    newer = traffic((0, 6), 100, always(0.1), always(0.9))
    world.rows += [Row(r.made, r.byte, r.label, r.known, version="b" * 12) for r in newer]
    world.rows += [Row(NOW.timestamp(), LOW, version="b" * 12)]
    assert world.look(600)[0] == "Unknown"
    state = world.monitor.status.performance
    assert state is not None and state.version == "b" * 12 and state.maturity_seconds == 60


def test_what_is_known_is_carried_on_and_where_it_was_lost_read_from_the_pods() -> None:
    rows = traffic((-24, 6), 100, always(0.1), always(0.8))
    carried, lost = FeedbackWorld(ACCURATE, rows), FeedbackWorld(ACCURATE, rows)
    for n in range(6 * 12):
        carried.look(300.0 * n)
    carried.look(6 * HOUR)
    lost.look(6 * HOUR)
    ours, theirs = carried.metric("right"), lost.metric("right")
    assert (ours.verdict, ours.rows) == (theirs.verdict, 2400)
    assert 0.9 * ours.rows < theirs.rows < ours.rows  # pods keep no more than a day
    assert len(set(carried.asked)) == len(carried.asked)
    ends = sorted(carried.asked)
    assert all(a[1] == b[0] for a, b in pairwise(ends))  # nothing twice


def test_a_silent_pod_is_waited_for_and_then_given_up_but_not_all_of_them() -> None:
    world = FeedbackWorld(ACCURATE, traffic((-24, 3), 100, always(0.1), always(0.8)))

    def until(at: float) -> Any:
        world.look(at)
        state = world.monitor.status.performance
        assert state is not None
        return state.judged_until

    before = until(0)
    world.silent = {"pod-1"}
    assert until(300) == before
    given_up = until(900)  # what is newer than two intervals is waited for yet
    assert given_up is not None and given_up > before
    assert world.look(901)[0] == "True"
    world.silent = {"pod-0", "pod-1"}
    assert until(7200) == given_up
    assert world.look(7201) == ("Unknown", "Outdated")
    assert world.metric("right").verdict == "Unknown"
    world.silent = set()
    assert until(7500) > given_up


def test_a_look_without_a_new_minute_says_the_same() -> None:
    world = FeedbackWorld(ACCURATE, counts_outcomes=False)
    world.look(0)
    before = world.message()
    world.look(5)
    assert world.message() == before and "spec.serving.receipts" in before


def test_labels_that_stop_coming_are_no_good_news() -> None:
    rows = traffic((-72, 0), 100, always(0.1), always(0.9))
    rows += [Row(r.made, r.byte) for r in traffic((0, 40), 100, always(0.1), always(0.9))]
    world = FeedbackWorld(ACCURATE, rows)
    seen = [world.look(HOUR * n)[0] for n in range(-47, 40)]
    assert seen[47] == "True" and seen[-1] == "Unknown"
    after = seen[48:]
    assert after.index("Unknown") <= 14  # as soon as half of the window's are missing
    assert "due have come" in world.message() or "labels" in world.message()


@pytest.mark.parametrize("seed", range(3))
def test_a_model_at_its_limit_does_not_alarm(seed: int) -> None:
    """Two weeks at exactly the limit: a test at 5 % a look would alarm a hundred times."""
    world = FeedbackWorld(
        {**ACCURATE, "metrics": [{"name": "caught", "recall": {"minimum": 0.7}}]},
        traffic((-24, 14 * 24), 60, always(0.3), always(0.7), seed=seed),
    )
    seen = [world.look(HOUR * n)[0] for n in range(14 * 24)]
    assert "False" not in seen and "Unknown" in seen  # at the limit: within, or maybe chance


def test_rewards_and_errors_are_held_against_limits() -> None:
    begin = NOW.timestamp() - 24 * HOUR
    made = [begin + 60 * n for n in range(24 * 60)]
    rewards = [Row(t, 0, None, t + 20, reward=float(n % 3 == 0)) for n, t in enumerate(made)]
    limits = {"metrics": [{"name": "sales", "meanReward": {"minimum": 0.5}}], "maturity": "1m"}
    world = FeedbackWorld(limits, rewards, score="None", classes=())
    assert world.look(0)[0] == "False" and world.metric("sales").value == pytest.approx(1 / 3, 0.01)
    errors = [Row(t, 1, None, t + 20, error=float(n % 5)) for n, t in enumerate(made)]
    root = {"metrics": [{"name": "off", "rmse": {"maximum": 3}}], "maturity": "1m"}
    world = FeedbackWorld(root, errors, score="Number", classes=())
    assert world.look(0)[0] == "True"
    assert world.metric("off").value == pytest.approx(6**0.5, 0.01)


def test_a_metric_that_the_model_cannot_have_says_so() -> None:
    spec = {"metrics": [{"name": "off", "rmse": {"maximum": 3}}]}
    world = FeedbackWorld(spec, traffic((-2, 0), 100, always(0.1), always(0.9)))
    assert world.look(0) == ("Unknown", "TooLittleKnown")
    assert "the model of flights answers with no number" in world.message()


def test_labels_that_are_called_otherwise_count_for_nothing() -> None:
    rows = traffic((-24, 0), 100, always(0.1), always(0.9))
    odd = [Row(r.made, r.byte, f"is_{r.label}", r.known) for r in rows]
    world = FeedbackWorld(ACCURATE, odd)
    for at in (0, 300):
        assert world.look(at)[0] == "Unknown"
    assert world.metric("right").rows == 0


def test_without_performance_in_the_spec_there_is_no_condition_and_nothing_is_kept() -> None:
    world = FeedbackWorld(ACCURATE, traffic((-24, 0), 100, always(0.1), always(0.8)))
    world.look(0)
    spec = world.monitor.spec.model_copy(update={"performance": None})
    world.monitor = world.monitor.model_copy(update={"spec": spec})
    with pytest.raises(KeyError):
        world.look(300)
    assert world.monitor.status.performance is None


def test_cohorts_are_whole_minutes_and_the_status_stays_small() -> None:
    for window, width_then in (("10m", 60), ("1h", 120), ("24h", 3600), ("720h", 108_000)):
        asked = Performance.model_validate({**ACCURATE, "window": window})
        assert width(asked) == width_then
    rows = traffic((-24, 48), 60, always(0.1), always(0.8))
    world = FeedbackWorld({**ACCURATE, "window": "10m"}, rows)
    for n in range(6 * 48):
        world.look(600.0 * n)
    state = world.monitor.status.performance
    assert state is not None and 9 <= len(state.cohorts) <= 96


def test_an_alert_begins_at_the_edge_next_to_the_threshold() -> None:
    assert EDGES[first_alert(None) - 2] == 0.5
    assert EDGES[first_alert(0.9) - 2] == pytest.approx(0.905, abs=0.001)
    assert LOW < first_alert(0.5) <= HIGH


def test_labels_of_before_the_watch_began_are_of_nobody() -> None:
    """A fraud reported seven hours late is no label of the cohort in which it was reported."""
    old = Row(NOW.timestamp() - 28 * HOUR, LOW, "fraud", NOW.timestamp() - 21 * HOUR)
    world = FeedbackWorld(ACCURATE, [old] * 100)
    world.look(0)
    state = world.monitor.status.performance
    assert state is not None and sum(c.labels for c in state.cohorts) == 0
    assert state.version == SHA[:12] and state.since == NOW - timedelta(seconds=86_040)
