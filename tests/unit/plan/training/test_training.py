import json
from datetime import timedelta
from typing import Any

import pytest
from builders import NOW, conditions, later, monitor, version
from hypothesis import given
from hypothesis import strategies as st
from training_world import World, asked, message, run_to_end

from effort import tried
from perennial.api import ModelTraining
from perennial.api.training import TrainingStatus
from perennial.plan.training import plan_training
from perennial.plan.training.triggers import Trigger, kind_of, postponed
from perennial_artifact.result import ColumnSpec, RunSpec


def no_worse(decrease: float = 0.0) -> list[dict[str, Any]]:
    against = {"maximumDecrease": decrease}
    return [{"name": "no-worse", "metric": "roc_auc", "againstChampion": against}]


def test_the_best_candidate_that_passes_becomes_a_version() -> None:
    world = World()
    run_to_end(world, {0: message("boosted", 0.8), 1: message("linear", 0.9)})
    status = world.training.status
    assert status.champion is not None
    assert (status.champion.version, status.champion.summary) == ("flights-1", "roc_auc=0.900")
    assert [(c.name, c.verdict) for c in status.last_run.candidates] == [  # type: ignore[union-attr]
        ("boosted", "Passed"),
        ("linear", "Won"),
    ]
    version = world.objects[("ModelVersion", "flights-1")]
    assert "ownerReferences" not in version["metadata"]


def test_no_candidate_passes_and_the_message_says_by_how_much() -> None:
    world = World()
    run_to_end(world, {0: message("boosted", 0.6), 1: message("linear", 0.65)})
    found = conditions(plan_training(world.snapshot()))
    assert found["Ready"] == ("False", "GatesFailed")
    assert found["Stalled"][0] == "True" and found["Reconciling"][0] == "False"
    told = world.training.status.last_run
    assert told is not None
    assert "good: roc_auc 0.6 is below the minimum 0.7 by 0.1" in told.message


def test_a_worse_candidate_leaves_the_champion_in_place() -> None:
    world = World({"gates": no_worse(0.01)})
    run_to_end(world, {0: message("boosted", 0.8), 1: message("linear", 0.7)})
    meta = world.training.metadata
    annotated = {"perennial.dev/request": "retrain/1"}
    world.training = world.training.model_copy(
        update={"metadata": meta.model_copy(update={"annotations": annotated})}
    )
    world.now = later(100)
    run_to_end(world, {0: message("boosted", 0.75, 0.8), 1: message("linear", 0.7, 0.8)})
    status = world.training.status
    assert status.champion is not None and status.champion.version == "flights-1"
    assert conditions(plan_training(world.snapshot()))["Ready"] == ("True", "GatesFailed")
    assert "worse than the champion's 0.8" in status.last_run.message  # type: ignore[union-attr]


def test_steady_state_changes_nothing() -> None:
    world = World()
    run_to_end(world, {0: message("boosted", 0.8), 1: message("linear", 0.9)})
    before = world.training.status
    world.now = later(1000)
    plan = world.step()
    assert (plan.apply, plan.delete, plan.events) == ((), (), ())
    assert plan.status is not None and plan.status.to_json() == before.to_json()


NESTED = '{"candidate":"boosted","parameters":{"p":%s' % ("[" * 1500)


@pytest.mark.parametrize(
    "text", ["", "not json", '{"candidate":"linear"}', '{"candidate":1}', NESTED]
)
def test_a_pod_that_lies_or_says_nothing_fails_its_candidate(text: str) -> None:
    world = World()
    run_to_end(world, {0: text, 1: message("linear", 0.9)})
    assert world.training.status.champion is not None
    assert world.training.status.last_run.candidates[0].verdict == "Failed"  # type: ignore[union-attr]


def test_drift_starts_a_run_once() -> None:
    world = World()
    run_to_end(world, {0: message("boosted", 0.8), 1: message("linear", 0.9)})
    asked = {"type": "Retrain", "time": "2026-01-01T12:01:00Z", "message": "hour drifted"}
    watching = monitor(status={"lastAction": asked})
    world.now = later(90)
    world.step(monitors=(watching,))
    run = world.training.status.run
    assert run is not None and (run.number, run.trigger) == (2, "Drift")
    found = conditions(plan_training(world.snapshot(monitors=(watching,))))
    assert found["Training"] == ("True", "Drift") and found["Reconciling"][0] == "False"
    world.step()
    world.finish_run({0: message("boosted", 0.8), 1: message("linear", 0.9)})
    world.step()
    world.step(monitors=(watching,))
    assert world.training.status.run.number == 2  # type: ignore[union-attr]


def test_a_foreign_job_is_never_adopted() -> None:
    world = World()
    world.step()
    world.objects[("Job", "flights-1")] = {"kind": "Job", "metadata": {"name": "flights-1"}}
    found = conditions(plan_training(world.snapshot()))
    assert found["Stalled"] == ("True", "NameConflict")


@pytest.mark.parametrize(
    ("schedule", "told"),
    [
        ({"cron": "0 0 30 2 *"}, "cron"),
        ({"cron": "61 * * * *"}, "cron"),
        ({"cron": "0 3 * * *", "timeZone": "Mars/Olympus"}, "time zone"),
    ],
)
def test_a_bad_schedule_stalls_with_a_sentence(schedule: dict[str, str], told: str) -> None:
    plan = plan_training(World({"schedule": schedule}).snapshot())
    ready = next(c for c in plan.status.conditions if c.type == "Ready")  # type: ignore[union-attr]
    assert ready.reason == "InvalidSpec" and told in ready.message
    assert [(e.reason, e.message) for e in plan.events] == [("InvalidSpec", ready.message)]


def test_a_missed_schedule_runs_once() -> None:
    world = World({"schedule": {"cron": "0 * * * *"}})
    run_to_end(world, {0: message("boosted", 0.8), 1: message("linear", 0.9)})
    world.training = world.training.model_copy(
        update={"status": world.training.status.model_copy(update={"last_schedule_time": NOW})}
    )
    world.now = later(3 * 3600)
    world.step()
    assert world.training.status.run.number == 2  # type: ignore[union-attr]
    world.step()
    world.finish_run({0: message("boosted", 0.8), 1: message("linear", 0.9)})
    world.step()
    plan = world.step()
    assert world.training.status.run.number == 2  # type: ignore[union-attr]
    assert plan.requeue_after is not None and plan.requeue_after <= 3601


@tried(60)
@given(
    cuts=st.lists(st.integers(0, 4), min_size=4, max_size=12),
    values=st.lists(st.floats(0.5, 1.0), min_size=2, max_size=2),
    lose_status=st.booleans(),
)
def test_killed_between_any_two_writes_it_converges(
    cuts: list[int], values: list[float], lose_status: bool
) -> None:
    world = World()
    for cut in cuts:
        world.step(cut)
    world.step()
    world.step()
    world.finish_run({0: message("boosted", values[0]), 1: message("linear", values[1])})
    for cut in cuts:
        world.step(cut)
    world.step()
    passed = max(values) >= 0.7
    assert world.training.status.run.number == 1  # type: ignore[union-attr]
    assert (world.training.status.champion is not None) == passed
    assert [c for c in world.created if c.startswith("Job")] == ["Job/flights-1"]
    assert ("ModelVersion/flights-1" in world.created) == passed
    if lose_status and passed:
        bare = ModelTraining.read(
            {"metadata": world.training.metadata, "spec": world.training.spec}
        )
        world.training = bare
        world.step()
        assert world.training.status.champion.version == "flights-1"  # type: ignore[union-attr]


GOOD = {0: message("boosted", 0.8), 1: message("linear", 0.9)}


def test_requests_while_a_run_goes_on_wait_as_one_and_do_not_pile_up() -> None:
    world = World()
    run_to_end(world, GOOD)
    world.now = later(100)
    asked(world, "retrain/1")
    world.step()
    world.step()
    told = {"type": "Retrain", "time": "2026-01-01T12:03:00Z", "message": "hour drifted"}
    monitors = tuple(
        monitor(status={"lastAction": told}).model_copy(
            update={"metadata": world.training.metadata.model_copy(update={"name": name})}
        )
        for name in ("east", "west")
    )
    world.now = later(200)
    asked(world, "retrain/2")
    for _ in range(4):
        world.step(monitors=monitors)
    pending = world.training.status.pending
    assert pending is not None
    assert pending.reason == "asked for by retrain/2; east: hour drifted; west: hour drifted"
    world.now = later(200)
    world.finish_run(GOOD)
    for _ in range(2):
        world.step(monitors=monitors)
    run = world.training.status.run
    assert run is not None and (run.number, run.reason) == (3, pending.reason)
    assert world.training.status.pending is None


def test_a_request_while_suspended_waits_until_it_is_not() -> None:
    world = World({"suspend": True})
    asked(world, "retrain/1")
    assert not world.step().events and world.training.status.run is None
    before = world.training.status
    world.step()
    assert world.training.status == before and before.last_request == "retrain/1"
    spec = world.training.spec.model_copy(update={"suspend": False})
    world.training = world.training.model_copy(update={"spec": spec})
    world.step()
    run = world.training.status.run
    assert run is not None and run.reason == "first run; asked for by retrain/1"


def test_a_lost_status_is_rebuilt_from_the_versions_and_drift_is_heard_again() -> None:
    world = World()
    run_to_end(world, GOOD)
    version = world.objects[("ModelVersion", "flights-1")]
    version["metadata"]["creationTimestamp"] = "2026-01-01T12:00:00Z"
    world.training = ModelTraining.read(
        {"metadata": world.training.metadata, "spec": world.training.spec}
    )
    world.now = later(100)
    found = conditions(world.step())
    assert found["Ready"][0] == "True" and found["Reconciling"] == ("False", "UpToDate")
    assert world.training.status.champion.version == "flights-1"  # type: ignore[union-attr]
    told = {"type": "Retrain", "time": "2026-01-01T12:01:00Z", "message": "hour drifted"}
    watching = monitor(status={"lastAction": told})
    world.step(monitors=(watching,))
    run = world.training.status.run
    assert run is not None and (run.number, run.trigger) == (2, "Drift")


@pytest.mark.parametrize(
    ("ask", "spec"),
    [
        ({"outcome": "NotBetter", "run": 7}, {}),  # it has been answered
        ({"training": "others"}, {}),  # of the model that was monitored before
        ({}, {"actions": {"mode": "Observe", "retrain": {}}}),
        ({}, {"actions": {"rollback": {}}}),
        ({"type": "Rollback"}, {}),
    ],
    ids=["answered", "another's", "only observed", "taken out", "rollback"],
)
def test_what_a_monitor_does_not_ask_any_more_starts_no_run(
    ask: dict[str, Any], spec: dict[str, Any]
) -> None:
    world = World()
    run_to_end(world, GOOD)
    action = {"type": "Retrain", "time": "2026-01-01T12:01:00Z", "message": "hour drifted", **ask}
    world.now = later(90)
    world.step(monitors=(monitor(spec, status={"lastAction": action}),))
    assert world.training.status.run.number == 1  # type: ignore[union-attr]
    action |= {"outcome": "", "training": "flights", "type": "Retrain"}
    world.step(monitors=(monitor(status={"lastAction": action}),))
    assert world.training.status.run.number == 2  # type: ignore[union-attr]


def test_drift_that_was_told_by_a_clock_ahead_starts_one_run_once_that_is_over() -> None:
    world = World()
    run_to_end(world, {0: message("boosted", 0.8), 1: message("linear", 0.9)})
    asked = {"type": "Retrain", "time": "2026-01-01T13:00:00Z", "message": "hour drifted"}
    watching = monitor(status={"lastAction": asked})
    numbers = []
    for minute in (2, 5, 10, 61, 70, 80):
        world.now = later(60 * minute)
        world.step(monitors=(watching,))
        run = world.training.status.run
        assert run is not None
        numbers.append(run.number)
        if run.phase == "Fitting":
            world.step(monitors=(watching,))
            world.finish_run({0: message("boosted", 0.8), 1: message("linear", 0.9)})
            for _ in range(3):
                world.step(monitors=(watching,))
    assert numbers == [1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize("drift_first", [True, False])
def test_a_person_who_asks_while_drift_waits_is_heard(drift_first: bool) -> None:
    drift, asked = Trigger("Drift", "hour drifted"), Trigger("Request", "asked for by a")
    waiting = postponed(TrainingStatus(), [drift] if drift_first else [asked])
    waiting = postponed(waiting, [asked] if drift_first else [drift])
    assert waiting.pending is not None and waiting.pending.trigger == "Request"
    assert kind_of([Trigger("Drift", ""), Trigger("Schedule", "")]) == "Drift"


PROMOTED, ROLLED_BACK = {"reason": "Promoted"}, {"reason": "RolledBack"}


@pytest.mark.parametrize(
    ("outcomes", "beaten", "rebuilt"),
    [
        ([PROMOTED, PROMOTED, PROMOTED], 3, 3),
        ([PROMOTED, PROMOTED, None], 3, 3),  # it is on its way
        ([PROMOTED, PROMOTED, ROLLED_BACK], 2, 2),
        ([PROMOTED, ROLLED_BACK, ROLLED_BACK], 1, 1),
        ([PROMOTED, None, ROLLED_BACK], 1, 2),  # 2 was passed over: 1 serves
        ([ROLLED_BACK, None, ROLLED_BACK], 2, 2),
        ([ROLLED_BACK, ROLLED_BACK, ROLLED_BACK], None, 3),
    ],
)
def test_what_was_rolled_back_is_not_what_later_runs_must_beat(
    outcomes: list[dict[str, str] | None], beaten: int | None, rebuilt: int
) -> None:
    world = World({"gates": no_worse()})
    for number, outcome in enumerate(outcomes, 1):
        made = version(number, outcome=outcome)
        body = {"metadata": made.metadata, "spec": made.spec, "status": made.status}
        world.objects["ModelVersion", f"flights-{number}"] = body
    world.step()
    champion = world.training.status.champion
    assert champion is not None and champion.version == f"flights-{rebuilt}"
    newest = champion.model_copy(update={"version": "flights-3"})
    status = world.training.status.model_copy(update={"champion": newest})
    world.training = world.training.model_copy(update={"status": status})
    world.now = later(100)
    asked(world, "retrain/1")
    world.step()
    world.step()
    told = json.loads(world.objects["ConfigMap", "flights-4"]["data"]["run.json"]).get("champion")
    assert (told and told["version"]) == (beaten and f"flights-{beaten}")
    world.finish_run({0: message("boosted", 0.8, 0.9 if beaten else None)})
    world.step()
    last = world.training.status.last_run
    assert last is not None and last.outcome == ("GatesFailed" if beaten else "Promoted")
    if not beaten:
        assert "parent" not in world.objects["ModelVersion", "flights-4"]["spec"]


def test_a_rollback_in_the_middle_of_a_run_does_not_change_what_it_is_compared_with() -> None:
    world = World({"gates": no_worse(0.01)})
    run_to_end(world, GOOD)
    world.now = later(100)
    asked(world, "retrain/1")
    world.step()
    world.step()
    world.objects["ModelVersion", "flights-1"]["status"] = {"outcome": ROLLED_BACK}
    world.finish_run({0: message("boosted", 0.8, 0.9), 1: message("linear", 0.9, 0.9)})
    world.step()
    assert world.objects["ModelVersion", "flights-2"]["spec"]["parent"] == "flights-1"
    last = world.training.status.last_run
    assert last is not None and [c.verdict for c in last.candidates] == ["GatesFailed", "Won"]


def changed(text: str, **changes: Any) -> str:
    return json.dumps({**json.loads(text), **changes})


@pytest.mark.parametrize(
    "text",
    [
        changed(message("boosted", 0.9), dataset=None),
        changed(message("boosted", 0.9), artifact=None),
        changed(message("boosted", 0.9), metrics=[]),
        changed(message("boosted", 0.9), metrics=[{"name": "accuracy", "value": 0.9}]),
        message("boosted", 0.9).replace("0.9", "NaN"),
        message("boosted", 0.9).replace("0.9", "Infinity"),
    ],
)
def test_half_a_result_makes_no_version(text: str) -> None:
    world = World({"gates": []})
    run_to_end(world, {0: text, 1: message("linear", 0.9)})
    last = world.training.status.last_run
    assert last is not None and [c.verdict for c in last.candidates] == ["Failed", "Won"]


def test_a_champion_that_was_not_measured_fails_the_gate_and_says_why() -> None:
    world = World({"gates": no_worse()})
    run_to_end(world, GOOD)
    world.now = later(100)
    asked(world, "retrain/1")
    why = "flights-1 needs age, which the dataset does not have"
    told = changed(message("boosted", 0.9), championFailure=why)
    run_to_end(world, {0: told, 1: message("linear", 0.9)})
    last = world.training.status.last_run
    assert last is not None and last.outcome == "GatesFailed"
    missing = "no-worse: roc_auc of the champion was not measured on the same rows"
    assert f"{missing}: {why}; take the gate away" in last.message
    assert "not measured on the same rows: its metric is missing" in last.message


def test_versions_beyond_the_limit_go_but_never_one_that_serves() -> None:
    world = World({"versionHistoryLimit": 1})
    world.deployed = frozenset({"flights-1"})
    for number in range(1, 5):
        world.now = later(100 * number)
        asked(world, f"retrain/{number}")
        run_to_end(world, GOOD)
    # flights-4 is the champion, flights-1 serves; of the others the newest is kept.
    kept = {name for kind, name in world.objects if kind == "ModelVersion"}
    assert kept == {"flights-1", "flights-3", "flights-4"}


@pytest.mark.parametrize(
    "space", [{}, {"int": [1, 2], "choice": [1]}, {"float": [1, 2], "choice": [None]}]
)
def test_a_parameter_has_one_distribution(space: dict[str, Any]) -> None:
    search = {"trials": 2, "parameters": {"C": space}}
    candidate = {"name": "a", "algorithm": "LogisticRegression", "search": search}
    plan = plan_training(World({"candidates": [candidate]}).snapshot())
    (ready,) = [c for c in plan.status.conditions if c.type == "Ready"]  # type: ignore[union-attr]
    assert (ready.reason, ready.message) == (
        "InvalidSpec",
        "spec.candidates[a].search.parameters.C: give exactly one of int, float or choice",
    )


def test_the_winner_is_told_with_the_interval_that_many_candidates_cost() -> None:
    """And what was noticed about the rows is in the status."""
    world = World()

    def told(name: str, value: float) -> str:
        found = json.loads(message(name, value, 0.7))
        found["metrics"][0] |= {"low": value - 0.1, "high": value + 0.1, "confidence": 0.975}
        found["dataset"]["heldOut"] = 2
        columns = {"check": "columns", "message": "3 numbers, 1 category (origin)"}
        found["notes"] = [columns, {"check": "fit", "message": "1 of 3 trials failed"}]
        return json.dumps(found)

    run_to_end(world, {0: told("boosted", 0.8), 1: told("linear", 0.75)})
    last = world.training.status.last_run
    assert last is not None and last.message == (
        "boosted became flights-1, roc_auc=0.800 (0.700 to 0.900 at 97.5 %, the best of 2); "
        "roc_auc 0.8 beside the champion's 0.7 on the same rows: better; 1 of 3 trials failed"
    )
    assert last.dataset is not None and (last.dataset.rows, last.dataset.held_out) == (10, 2)
    assert [n.message for n in last.dataset.notes] == ["3 numbers, 1 category (origin)"]


def test_the_trainer_is_told_all_about_the_dataset() -> None:
    dataset = {
        "uri": "s3://data/x/",
        "target": "late",
        "positiveClass": "true",
        "columns": [{"name": "zip", "kind": "Category"}],
        "missing": ["NA"],
        "checks": {"leaking": "Refuse"},
        "timeColumn": "at",
        "newest": "720h",
        "split": {"method": "Time", "gap": "1h30m"},
    }
    world = World({"dataset": dataset})
    run_to_end(world, {0: message("boosted", 0.8), 1: message("linear", 0.75)})
    (config_map,) = [o for (kind, _), o in world.objects.items() if kind == "ConfigMap"]
    told = RunSpec.from_json(config_map["data"]["run.json"]).dataset
    assert (told.positive_class, told.columns) == ("true", [ColumnSpec("zip", "Category")])
    assert (told.missing, told.checks) == (["NA"], {"leaking": "Refuse"})
    assert told.split.gap_seconds == 5400.0 and told.split.method == "Time"
    run = world.training.status.run
    assert run is not None and told.since == run.start_time - timedelta(days=30)
