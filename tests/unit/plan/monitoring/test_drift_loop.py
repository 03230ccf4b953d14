"""Drift, retraining, and nothing that comes of it: the monitor and the training together."""

import json

from builders import NOW, conditions, later, monitor
from test_monitor_decision import DRIFTED, LIKE, look, serving
from training_world import World, message, run_to_end

from perennial_artifact.result import ByAge, Comparison, OnRows

GOOD = {0: message("boosted", 0.8), 1: message("linear", 0.9)}


def test_drift_that_two_runs_on_the_same_rows_do_not_end_starts_no_third() -> None:
    """Counted by the runs that ended, however often it was looked."""
    world = World()
    run_to_end(world, GOOD)
    watching = monitor({"actions": {"retrain": {"cooldown": "200s", "dailyLimit": 100}}})
    for n in range(1, 58):
        world.now = later(100 + 10 * n)
        plan, watching = look(watching, DRIFTED, 100 + 10 * n, training=world.training)
        world.step(monitors=(watching,))
        run = world.training.status.run
        assert run is not None
        if run.phase == "Fitting" and n % 5 == 0:
            world.finish_run(GOOD)
    last = world.training.status.last_run
    assert last is not None and (last.number, last.outcome) == (3, "NothingNew")
    assert world.training.status.champion is not None
    assert world.training.status.champion.version == "flights-1"
    assert conditions(plan)["RetrainingHelps"] == ("False", "DriftStayed")
    assert (watching.status.retrainings, watching.status.fruitless) == (2, 2)
    assert [name for name in world.created if name.startswith("Job/")] == [
        f"Job/flights-{number}" for number in (1, 2, 3)
    ]
    plan, watching = look(watching, LIKE, 800, training=world.training)
    assert conditions(plan)["RetrainingHelps"][0] == "True"


def shown_to_be_better(candidate: str) -> str:
    """Return a termination message of a candidate that is better on 412 recent rows."""
    body = json.loads(message(candidate, 0.95, champion=0.9))
    body["dataset"]["sha256"] = "b" * 64  # other rows than before
    compared = Comparison(name="recall", value=0.5, champion=0.43, low=0.01, high=0.1)
    none = OnRows(rows=0, unknown="there are none")
    by_age = ByAge(recent=OnRows(rows=412, compared=compared), older=none, confidence=0.95)
    return json.dumps({**body, "byAge": by_age.to_plain()})


def test_a_run_that_is_better_and_serves_lets_the_monitor_ask_at_its_usual_pace() -> None:
    """From what the trainer compared, by the training's status, to the monitor's next pause."""
    world = World()
    run_to_end(world, GOOD)
    watching = monitor({"consecutiveBreaches": 1}, status={"fruitless": 3})
    status = watching.status.model_copy(update={"observed_generation": 1})
    watching = watching.model_copy(update={"status": status})
    world.now = later(100)
    _, watching = look(watching, DRIFTED, 100, training=world.training)
    for _ in range(3):
        world.step(monitors=(watching,))
    world.finish_run({0: shown_to_be_better("boosted")})
    for _ in range(3):
        world.step(monitors=(watching,))
    last = world.training.status.last_run
    assert last is not None and (last.outcome, last.better) == ("Promoted", True)
    _, watching = look(watching, DRIFTED, 110, training=world.training)
    assert watching.status.fruitless == 4  # it does not serve yet
    newer = serving("flights-2", "r2")
    _, watching = look(watching, DRIFTED, 120, training=world.training, deployment=newer)
    assert watching.status.fruitless == 0


def test_a_run_that_drift_asked_for_in_the_middle_of_another_is_one_that_waits() -> None:
    world = World()
    run_to_end(world, GOOD)
    told = {"annotations": {"perennial.dev/request": "retrain/1"}, "creation_timestamp": NOW}
    meta = world.training.metadata.model_copy(update=told)
    world.training = world.training.model_copy(update={"metadata": meta})
    world.step()  # run 2 begins, by hand
    action = {"type": "Retrain", "time": "2026-01-01T12:03:00Z", "message": "hour drifted"}
    watching = monitor(status={"lastAction": action})
    schedule = {"cron": "* * * * *", "timeZone": "Etc/UTC"}
    world.change(schedule=schedule)
    for second in (181, 190, 200, 241, 250):
        world.now = later(second)
        world.step(monitors=(watching,))
    pending, run = world.training.status.pending, world.training.status.run
    assert run is not None and run.number == 2 and pending is not None
    reasons = pending.reason.split("; ")
    assert "flights: hour drifted" in reasons and len(reasons) == len(set(reasons))
    assert [reason for reason in reasons if reason.startswith("scheduled for")]
    world.finish_run(GOOD)
    for _ in range(3):
        world.step(monitors=(watching,))
    run = world.training.status.run
    assert run is not None and (run.number, run.reason) == (3, pending.reason)
    assert world.training.status.pending is None
