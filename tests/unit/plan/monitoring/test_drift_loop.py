"""Drift, retraining, and nothing that comes of it: the monitor and the training together."""

from builders import NOW, conditions, later, monitor
from test_monitor_decision import DRIFTED, LIKE, look
from training_world import World, message, run_to_end

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
