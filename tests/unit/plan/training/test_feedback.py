"""A ModelTraining that learns from the feedback on a ModelDeployment."""

import json
from typing import Any

import pytest
from builders import NOW, SHA, conditions, deployment, later
from training_world import World, message

from perennial.api import ModelDeployment
from perennial.plan.training import plan_training

FEEDBACK = {
    "dataset": {
        "uri": "s3://data/x.parquet",
        "target": "y",
        "feedback": {"deploymentRef": {"name": "flights"}},
    }
}
LOG = {"uri": "s3://models/logs/team/flights", "secret": "log-key"}
SERVED = {"artifact": {"uri": "s3://models/a/", "sha256": SHA}, "name": "r1", "role": "Stable"}


def logging(status: dict[str, Any] | None = None) -> ModelDeployment:
    return deployment({"serving": {"requestLog": {}}}, status=status or {})


def start(world: World, source: ModelDeployment | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Start a run; return its run.json, and its pods' Secrets by purpose."""
    for _ in range(3):
        world.step(feedback_deployment=source)
    document = json.loads(world.objects[("ConfigMap", "flights-1")]["data"]["run.json"])
    pod = world.objects[("Job", "flights-1")]["spec"]["template"]["spec"]
    secrets = {v["name"]: v["secret"]["secretName"] for v in pod["volumes"] if "secret" in v}
    mounted = {m["name"]: m["mountPath"] for m in pod["containers"][0]["volumeMounts"]}
    assert all(mounted[purpose] == f"/perennial-secrets/{purpose}" for purpose in secrets)
    return document, secrets


@pytest.mark.parametrize("role", ["Stable", "Canary"])
def test_the_trainer_is_told_where_a_revision_logs_and_until_when_to_read(role: str) -> None:
    source = logging({"revisions": [{**SERVED, "role": role, "requestLog": LOG}]})
    document, secrets = start(World(FEEDBACK), source)
    assert document["dataset"]["feedback"] == {
        "deployment": "flights",
        "uri": LOG["uri"],
        "until": "2026-01-01T12:00:00Z",
    }
    assert secrets == {"store": "perennial-store", "feedback": "log-key"}


def test_a_log_without_a_secret_brings_none() -> None:
    source = logging({"revisions": [{**SERVED, "requestLog": {"uri": LOG["uri"]}}]})
    assert start(World(FEEDBACK), source)[1] == {"store": "perennial-store"}


@pytest.mark.parametrize("status", [{}, {"revisions": [SERVED]}])
def test_before_anything_is_logged_a_run_learns_from_the_dataset_alone(status: Any) -> None:
    world = World(FEEDBACK)
    document, secrets = start(world, logging(status))
    assert "uri" not in document["dataset"]["feedback"]
    assert secrets == {"store": "perennial-store"}
    told = next(c for c in world.training.status.conditions if c.type == "FeedbackAvailable")
    assert (told.status, told.reason) == ("Unknown", "NothingLogged")
    assert "from the dataset alone" in told.message


@pytest.mark.parametrize(
    ("source", "reason", "told"),
    [
        (None, "DeploymentNotFound", "there is no ModelDeployment flights to learn from"),
        (deployment(), "NoRequestLog", "set its spec.serving.requestLog"),
    ],
)
def test_without_a_log_no_run_starts_and_what_was_asked_stays_asked(
    source: ModelDeployment | None, reason: str, told: str
) -> None:
    world = World({**FEEDBACK, "schedule": {"cron": "0 * * * *"}})
    asked = {"annotations": {"perennial.dev/request": "retrain/1"}, "creation_timestamp": NOW}
    meta = world.training.metadata.model_copy(update=asked)
    world.training = world.training.model_copy(update={"metadata": meta})
    world.now = later(7200)
    plan = plan_training(world.snapshot(feedback_deployment=source))
    world.carry_out(plan)
    found = conditions(plan)
    assert found["FeedbackAvailable"] == ("False", reason)
    assert found["Ready"] == ("False", reason) and found["Reconciling"] == ("True", reason)
    assert found["Stalled"][0] == "False"
    ready = next(c for c in world.training.status.conditions if c.type == "Ready")
    assert told in ready.message and "or remove spec.dataset.feedback" in ready.message
    status = world.training.status
    assert (status.run, status.last_request, status.last_schedule_time) == (None, "", None)
    assert plan.requeue_after is None  # the ModelDeployment's own event wakes it
    world.step(feedback_deployment=logging())
    run = world.training.status.run
    assert run is not None and "asked for by retrain/1" in run.reason


def test_a_run_under_way_ends_though_the_deployment_is_gone() -> None:
    world = World(FEEDBACK)
    start(world, logging())
    world.finish_run({0: message("boosted", 0.8), 1: message("linear", 0.9)})
    world.step()
    status = world.training.status
    assert status.champion is not None and status.champion.version == "flights-1"
    found = conditions(plan_training(world.snapshot()))
    assert found["Ready"] == ("True", "Promoted")
    assert found["FeedbackAvailable"] == ("False", "DeploymentNotFound")
    assert found["Reconciling"][0] == "False"


def test_who_wants_no_feedback_hears_nothing_of_it() -> None:
    world = World()
    document, _ = start(world, None)
    assert "feedback" not in document["dataset"]
    assert "FeedbackAvailable" not in {c.type for c in world.training.status.conditions}


def test_the_version_says_how_many_rows_came_from_feedback() -> None:
    world = World(FEEDBACK)
    start(world, logging())
    told = json.loads(message("linear", 0.9))
    told["dataset"]["feedbackRows"] = 3
    world.finish_run({0: message("boosted", 0.8), 1: json.dumps(told)})
    world.step(feedback_deployment=logging())
    version = world.objects[("ModelVersion", "flights-1")]
    assert version["spec"]["dataset"]["feedbackRows"] == 3
    assert world.training.status.champion.dataset.feedback_rows == 3  # type: ignore[union-attr]
