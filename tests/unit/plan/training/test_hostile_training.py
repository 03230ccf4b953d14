"""A training in a hostile world: pods that go, a spec that changes, writes that are refused."""

import json
from typing import Any

import pytest
from api_server import Refusal
from builders import NOW, conditions, later, monitor
from training_world import World, asked, message, run_to_end

from perennial.plan.training import INDEX_LABEL, lacks_pods, plan_training

GOOD = {0: message("boosted", 0.8), 1: message("linear", 0.9)}
SENTENCE = 'pods "flights-1" is forbidden: exceeded quota: team, requested: cpu=64'


def begun(spec: dict[str, Any] | None = None) -> World:
    """Return a world whose first run has its Job."""
    world = World(spec)
    for _ in range(3):
        world.step()
    return world


# A1: a refused write is told, and the status is always written.


@pytest.mark.parametrize("what", ["Job", "ConfigMap"])
@pytest.mark.parametrize("status", [403, 422, 429, 500])
def test_a_refused_child_is_told_and_tried_again(what: str, status: int) -> None:
    world = World()
    world.refused[what] = Refusal(status, SENTENCE)
    for _ in range(5):
        world.step()
    found = {c.type: c for c in world.training.status.conditions}
    passes = status in (429, 500)
    assert found["Stalled"].status == ("False" if passes else "True")
    assert SENTENCE in found["Reconciling" if passes else "Stalled"].message
    assert any(SENTENCE in event.message for event in world.told)
    world.refused.clear()
    run_to_end(world, GOOD)
    assert conditions(plan_training(world.snapshot()))["Ready"] == ("True", "Promoted")


@pytest.mark.parametrize("status", [403, 422, 429, 500])
def test_a_refused_version_is_told_and_loses_no_result(status: int) -> None:
    world = begun()
    world.refused["ModelVersion"] = Refusal(status, SENTENCE)
    world.finish_run(GOOD)
    for _ in range(5):
        world.step()
    assert world.training.status.champion is None
    assert any(SENTENCE in c.message for c in world.training.status.conditions)
    world.pods = []  # by then the pods that told the results are gone
    world.refused.clear()
    for _ in range(3):
        world.step()
    champion = world.training.status.champion
    assert champion is not None and champion.metric.value == 0.9
    assert conditions(plan_training(world.snapshot()))["Ready"] == ("True", "Promoted")


@pytest.mark.parametrize(("status", "given_up"), [(422, True), (429, False)])
def test_a_version_that_is_refused_for_good_keeps_no_other_run_waiting(
    status: int, given_up: bool
) -> None:
    world = begun()
    world.refused["flights-1"] = Refusal(status, SENTENCE)
    world.finish_run(GOOD)
    for _ in range(3):
        world.step()
    world.change(objective={"metric": "accuracy"})
    for _ in range(3):
        world.step()
    run, last = world.training.status.run, world.training.status.last_run
    assert run is not None and run.number == (2 if given_up else 1)
    assert (last is not None and last.outcome == "Failed") == given_up
    if last is not None:
        assert last.message == "flights-1 could not be written, and another run is wished for"


# A4: a run is what it was when it began, and what a pod told stays told.


def test_a_winner_whose_pod_is_gone_before_the_run_ends_wins_all_the_same() -> None:
    world = begun()
    world.finish_pods({1: GOOD[1]})
    world.step()
    world.finish_run({0: GOOD[0]})
    world.step()
    world.step()
    champion = world.training.status.champion
    assert champion is not None and champion.metric.value == 0.9
    spec = world.objects["ModelVersion", "flights-1"]["spec"]
    assert spec["source"]["candidate"] == "linear" and spec["artifact"]["uri"]


def test_a_run_is_judged_by_its_own_gates() -> None:
    world = begun()
    world.change(gates=[])
    world.finish_run({0: message("boosted", 0.6), 1: message("linear", 0.65)})
    world.step()
    last = world.training.status.last_run
    assert last is not None and last.outcome == "GatesFailed"


def test_a_run_is_ranked_by_its_own_objective() -> None:
    world = begun()
    world.change(objective={"metric": "accuracy"})
    world.finish_run(GOOD)
    world.step()
    last = world.training.status.last_run
    assert last is not None and last.outcome == "Promoted"


@pytest.mark.parametrize("looks", [1, 2, 3])
def test_a_run_is_whole_though_the_spec_changes_before_its_job_is_made(looks: int) -> None:
    world = World()
    for _ in range(looks):
        world.step()
    world.change(candidates=[{"name": "forest", "algorithm": "RandomForestClassifier"}])
    for _ in range(3):
        world.step()
    run = world.training.status.run
    assert run is not None
    told = json.loads(world.objects["ConfigMap", f"flights-{run.number}"]["data"]["run.json"])
    assert [c["name"] for c in told["candidates"]] == [c.name for c in run.candidates]
    job = world.objects["Job", f"flights-{run.number}"]
    assert job["spec"]["completions"] == len(run.candidates)


def test_what_a_run_is_told_never_changes() -> None:
    world = World()
    for _ in range(2):
        world.step()
    world.objects.pop(("Job", "flights-1"), None)
    before = world.objects.get(("ConfigMap", "flights-1"))
    world.change(dataset={"uri": "s3://data/other.parquet", "target": "y"})
    for _ in range(3):
        world.step()
    after = world.objects["ConfigMap", "flights-1"]
    assert before is not None and after["data"] == before["data"] and after["immutable"]


# A10, A18: what starts a run, and what does not.


@pytest.mark.parametrize(
    "edit",
    [
        {"suspend": False},
        {"versionHistoryLimit": 3},
        {"schedule": {"cron": "0 3 * * *"}},
        {"job": {"parallelism": 1}},
        {"gates": [{"name": "better", "metric": "roc_auc", "minimum": 0.7}]},
    ],
)
def test_an_edit_that_changes_nothing_of_what_is_trained_is_no_run(edit: dict[str, Any]) -> None:
    world = begun()
    world.finish_run(GOOD)
    world.step()
    world.change(**edit)
    for _ in range(3):
        world.step()
    run = world.training.status.run
    assert run is not None and run.number == 1
    assert conditions(plan_training(world.snapshot()))["Reconciling"] == ("False", "UpToDate")


@pytest.mark.parametrize(
    "edit",
    [
        {"gates": [{"name": "good", "metric": "roc_auc", "minimum": 0.5}]},
        {"objective": {"metric": "accuracy"}},
        {"dataset": {"uri": "s3://data/y.parquet", "target": "y"}},
    ],
)
def test_an_edit_of_what_is_trained_is_a_run(edit: dict[str, Any]) -> None:
    world = begun()
    world.finish_run(GOOD)
    world.step()
    world.now = later(60)
    world.change(**edit)
    world.step()
    run = world.training.status.run
    assert run is not None and (run.number, run.trigger) == (2, "Spec")


def test_a_runs_config_map_goes_with_its_job() -> None:
    world = begun()
    world.step()
    (owner,) = world.objects["ConfigMap", "flights-1"]["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"]) == ("Job", "uid-Job-flights-1")


def test_a_request_that_cannot_be_recorded_is_refused_and_told() -> None:
    world = begun()
    world.finish_run(GOOD)
    world.step()
    asked(world, "retrain/" + "x" * 300)
    for _ in range(3):
        world.step()
    run = world.training.status.run
    assert run is not None and run.number == 1
    assert conditions(plan_training(world.snapshot()))["Stalled"] == ("True", "RequestTooLong")


# A22: whose word counts.


def test_a_pod_that_only_has_our_labels_decides_nothing() -> None:
    world = begun()
    world.finish_run({0: message("boosted", 0.99), 1: message("linear", 0.8)})
    world.pods[0]["metadata"]["ownerReferences"] = [{"controller": True, "uid": "another"}]
    world.step()
    last = world.training.status.last_run
    assert last is not None and [c.verdict for c in last.candidates] == ["Failed", "Won"]


@pytest.mark.parametrize("number", ["99999", "one", ""])
def test_a_job_that_only_has_our_labels_neither_stalls_nor_numbers_a_run(number: str) -> None:
    world = World()
    labels = {"perennial.dev/training": "flights", "perennial.dev/run": number}
    meta = {"name": "theirs", "uid": "theirs", "labels": labels}
    world.objects["Job", "theirs"] = {"kind": "Job", "metadata": meta}
    for _ in range(3):
        world.step()
    run = world.training.status.run
    assert run is not None and run.number == 1 and ("Job", "flights-1") in world.objects
    assert conditions(plan_training(world.snapshot()))["Stalled"][0] == "False"


@pytest.mark.parametrize("kind", ["Job", "ConfigMap"])
def test_a_foreign_object_of_a_runs_name_is_told_and_left_alone(kind: str) -> None:
    world = World()
    world.step()
    foreign = {"kind": kind, "metadata": {"name": "flights-1", "labels": {"owner": "team"}}}
    world.objects[kind, "flights-1"] = foreign
    plan = plan_training(world.snapshot())
    assert conditions(plan)["Stalled"] == ("True", "NameConflict") and not plan.apply
    del world.objects[kind, "flights-1"]
    run_to_end(world, GOOD)
    assert conditions(plan_training(world.snapshot()))["Ready"] == ("True", "Promoted")


# A25: nothing comes of what has not changed.


@pytest.mark.parametrize(
    ("digest", "rows", "outcome"),
    [
        ("a" * 64, 10, "NothingNew"),
        ("a" * 64, 9, "Promoted"),  # of the same files fewer rows are new enough
        ("b" * 64, 10, "Promoted"),
    ],
)
def test_a_run_that_drift_asked_for_ships_nothing_from_the_same_rows(
    digest: str, rows: int, outcome: str
) -> None:
    world = begun()
    world.finish_run(GOOD)
    world.step()
    told = {"type": "Retrain", "time": "2026-01-01T12:01:00Z", "message": "hour drifted"}
    watching = monitor(status={"lastAction": told})
    world.now = later(90)
    for _ in range(3):
        world.step(monitors=(watching,))
    again = json.loads(message("linear", 0.95))
    again["dataset"] |= {"sha256": digest, "rows": rows}
    world.finish_run({1: json.dumps(again)})
    world.step(monitors=(watching,))
    last = world.training.status.last_run
    assert last is not None and (last.number, last.outcome) == (2, outcome)
    assert world.training.status.champion is not None
    shipped = world.training.status.champion.version == "flights-2"
    assert shipped == (outcome == "Promoted")
    asked(world, "retrain/1")  # whoever asks for it gets it
    world.now = later(200)
    run_to_end(world, GOOD)
    assert world.training.status.champion.version == "flights-3"


def by_schedule(value: float, champion: float) -> World:
    """Return a world where the schedule's run on other rows has ended, with one candidate."""
    world = begun()
    world.finish_run(GOOD)
    world.step()
    meta = world.training.metadata.model_copy(update={"creation_timestamp": NOW})
    world.training = world.training.model_copy(update={"metadata": meta})
    world.change(schedule={"cron": "0 * * * *"})
    for second in (60, 3700, 3701, 3702):
        world.now = later(second)
        world.step()
    run = world.training.status.run
    assert run is not None and (run.number, run.trigger) == (2, "Schedule")
    again = json.loads(message("linear", value, champion))
    again["dataset"]["sha256"] = "b" * 64
    world.finish_run({1: json.dumps(again)})
    world.step()
    return world


@pytest.mark.parametrize(("value", "outcome"), [(0.9, "NothingNew"), (0.91, "Promoted")])
def test_an_equal_candidate_is_not_shipped_by_a_run_of_the_schedule(
    value: float, outcome: str
) -> None:
    world = by_schedule(value, champion=0.9)
    last = world.training.status.last_run
    assert last is not None and (last.number, last.outcome) == (2, outcome)
    champion = world.training.status.champion
    assert champion is not None
    assert champion.version == ("flights-2" if outcome == "Promoted" else "flights-1")


# A5: what the cluster lacks is told, and takes no time from a run.

REFUSED = {"reason": "FailedCreate", "note": f"Error creating: {SENTENCE}"}


def told(world: World, type: str) -> tuple[str, str, str]:
    (found,) = [c for c in world.training.status.conditions if c.type == type]
    return found.status, found.reason, found.message


def live_job(world: World) -> dict[str, Any]:
    return world.objects["Job", "flights-1"]


def test_a_quota_on_a_jobs_pods_is_told_in_the_servers_sentence() -> None:
    world = begun()
    assert lacks_pods(world.snapshot())
    world.events = [REFUSED]
    plan = world.step()
    status, reason, text = told(world, "Ready")
    assert (status, reason) == ("False", "PodsRefused")
    assert SENTENCE in text and "allow them, or ask for less" in text
    assert SENTENCE in told(world, "Training")[2]
    assert plan.requeue_after is not None  # no Event wakes a training
    assert all(SENTENCE in c.message for c in world.training.status.run.candidates)  # type: ignore[union-attr]
    world.events = []
    world.finish_run(GOOD)
    world.step()
    assert told(world, "Ready")[:2] == ("True", "Promoted")


def test_the_newest_refusal_is_told() -> None:
    world = begun()
    older = {"note": "older", "deprecatedLastTimestamp": "2026-01-01T11:00:00Z"}
    newer = {"note": "newer", "series": {"lastObservedTime": "2026-01-01T12:00:00.000000Z"}}
    world.events = [older, newer, {"note": "oldest", "eventTime": "2026-01-01T10:00:00.000000Z"}]
    world.step()
    assert "newer" in told(world, "Ready")[2]


def test_pods_are_lacking_only_where_the_job_should_have_made_them() -> None:
    world = begun({"job": {"parallelism": 2}})
    world.finish_pods({0: GOOD[0]})
    assert lacks_pods(world.snapshot())
    world.finish_pods(GOOD)
    assert not lacks_pods(world.snapshot())
    world.pods = []
    live_job(world)["spec"]["suspend"] = True  # a queue will let it go on
    assert not lacks_pods(world.snapshot())


def test_one_pod_at_a_time_lacks_none() -> None:
    world = begun({"job": {"parallelism": 1}})
    world.finish_pods({0: ""})
    world.pods[0]["status"] = {"phase": "Running"}
    assert not lacks_pods(world.snapshot())


def hindered(world: World, until: int, begin: int = 0) -> None:
    """Let a run wait for its pods for so many seconds, looked at as often as it asks for."""
    live_job(world)["status"] = {"startTime": later(0).isoformat()}
    world.events = [REFUSED]
    for second in range(begin, until, 10):
        world.now = later(second)
        assert world.step().requeue_after == 10.0
        limit = live_job(world)["spec"]["activeDeadlineSeconds"]
        assert second < limit, "the Job has run out of time"


def test_what_the_cluster_hinders_takes_no_time_from_a_run() -> None:
    world = begun({"job": {"activeDeadline": "10m"}})
    hindered(world, 3600)
    left = live_job(world)["spec"]["activeDeadlineSeconds"] - 3600
    assert 0.85 * 600 <= left <= 600
    world.events = []
    world.pods = [
        {
            "metadata": {
                "labels": {"perennial.dev/run": "1", INDEX_LABEL: str(index)},
                "ownerReferences": [{"controller": True, "uid": "uid-Job-flights-1"}],
            },
            "status": {"phase": "Running"},
        }
        for index in range(2)
    ]
    before = live_job(world)["spec"]
    world.now = later(4000)
    assert world.step().requeue_after is None
    assert live_job(world)["spec"] == before, "nobody hinders it now: its time is its own"


def waiting(reason: str, message: str) -> dict[str, Any]:
    state = {"waiting": {"reason": reason, "message": message}}
    return {"phase": "Pending", "containerStatuses": [{"name": "train", "state": state}]}


UNSCHEDULED = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/3 nodes are available: 3 Insufficient memory.",
}


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"phase": "Pending", "conditions": [UNSCHEDULED]}, "Insufficient memory"),
        (waiting("ImagePullBackOff", "no such tag"), "no such tag"),
        (waiting("CreateContainerConfigError", 'secret "key" not found'), 'secret "key" not found'),
    ],
)
def test_pods_that_wait_for_the_cluster_are_told_and_take_no_time(
    status: dict[str, Any], words: str
) -> None:
    world = begun({"job": {"activeDeadline": "10m"}})
    live_job(world)["status"] = {"startTime": later(0).isoformat()}
    world.finish_pods(GOOD)
    for pod in world.pods:
        pod["status"] = status
    for second in range(0, 3600, 10):
        world.now = later(second)
        world.step()
        assert second < live_job(world)["spec"]["activeDeadlineSeconds"]
    assert told(world, "Ready")[0] == "False" and words in told(world, "Ready")[2]
    world.finish_run(GOOD)
    world.step()
    assert told(world, "Ready")[:2] == ("True", "Promoted")


@pytest.mark.parametrize("how", ["spec", "request"])
def test_a_run_that_is_hindered_is_not_prolonged_where_another_is_wished_for(how: str) -> None:
    world = begun({"job": {"activeDeadline": "10m"}})
    hindered(world, 300)
    if how == "spec":
        world.change(dataset={"uri": "s3://data/other.parquet", "target": "y"})
    else:
        asked(world, "retrain/1")
    before = live_job(world)["spec"]
    for second in range(300, 900, 10):
        world.now = later(second)
        world.step()
    assert live_job(world)["spec"] == before
