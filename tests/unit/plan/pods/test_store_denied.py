"""A namespace that is not trusted with the chart's store: what is told, and what goes on."""

import json
from dataclasses import replace
from typing import Any

import pytest
from builders import NOW, SETTINGS, conditions, deployment, run, training
from rollout_world import World as Rollout
from training_world import World

from perennial.plan.core import Plan
from perennial.plan.pods.stores import LOOK_AGAIN_SECONDS, not_allowed
from perennial.plan.rollout import DeploymentSnapshot, plan_deployment
from perennial.plan.training import TrainingSnapshot, plan_training

DENIED = replace(SETTINGS, store_denied=not_allowed("team", by_label=True))
OWN = {"uri": "s3://mine", "secretRef": {"name": "mine"}}
REMEDIES = ("kubectl label namespace team perennial.dev/default-store=allowed", "secretRef")


def stalls(plan: Plan) -> bool:
    """Tell whether a plan does nothing but say what to do, and looks again by itself."""
    assert plan.status is not None
    stalled = next(c for c in plan.status.conditions if c.type == "Stalled")  # type: ignore[attr-defined]
    if stalled.status == "False":
        return False
    assert stalled.reason == "StoreNotAllowed" and all(r in stalled.message for r in REMEDIES)
    assert not plan.apply and not plan.create and plan.requeue_after == LOOK_AGAIN_SECONDS
    assert [e.type for e in plan.events] == ["Warning"]
    assert conditions(plan)["Ready"] == ("False", "StoreNotAllowed")
    return True


@pytest.mark.parametrize(
    ("spec", "stalled"),
    [
        ({}, True),
        ({"store": OWN}, False),
        ({"store": {"uri": "pvc://models"}}, False),
        # By the name of the chart's Secret, too: a copy may still lie there.
        ({"store": {"uri": "s3://mine", "secretRef": {"name": "perennial-store"}}}, True),
        ({"store": OWN, "dataset": {"uri": "s3://d/x.parquet", "target": "y",
                                    "secretRef": {"name": "perennial-store"}}}, True),
    ],
)  # fmt: skip
def test_a_training_that_needs_the_charts_store_waits(spec: Any, stalled: bool) -> None:
    plan = plan_training(TrainingSnapshot(training(spec), NOW, DENIED))
    assert stalls(plan) == stalled
    assert not stalls(plan_training(TrainingSnapshot(training(spec), NOW, SETTINGS)))


@pytest.mark.parametrize(
    ("model", "serving", "stalled"),
    [
        ({}, {}, True),
        ({"secretRef": {"name": "mine"}}, {}, False),
        ({"uri": "pvc://models/x/"}, {}, False),
        ({"secretRef": {"name": "perennial-store"}}, {}, True),
        ({"secretRef": {"name": "mine"}}, {"requestLog": {}}, True),
        ({"secretRef": {"name": "mine"}}, {"requestLog": {"store": OWN}}, False),
    ],
)
def test_a_deployment_that_needs_the_charts_store_waits(
    model: Any, serving: Any, stalled: bool
) -> None:
    artifact = {"uri": "s3://models/a/", "sha256": "a" * 64, **model}
    owner = deployment({"model": {"artifact": artifact}, "serving": serving})
    assert stalls(plan_deployment(DeploymentSnapshot(owner, NOW, DENIED))) == stalled
    assert not stalls(plan_deployment(DeploymentSnapshot(owner, NOW, SETTINGS)))


def test_what_was_asked_for_meanwhile_stays_asked_for() -> None:
    world = World()
    world.training.metadata.annotations["perennial.dev/request"] = "retrain/1"
    plan = plan_training(replace(world.snapshot(), settings=DENIED))
    assert stalls(plan)
    world.carry_out(plan)
    world.carry_out(plan_training(world.snapshot()))
    assert world.training.status.run is not None and world.training.status.run.number == 1


def test_a_run_that_has_its_job_goes_on_when_the_label_goes() -> None:
    world = World()
    for _ in range(3):
        world.step()
    plan = plan_training(replace(world.snapshot(), settings=DENIED))
    assert conditions(plan)["Stalled"][0] == "False"
    assert conditions(plan)["Training"] == ("True", "Spec")


def test_a_run_that_was_not_recorded_yet_is_not_recorded_with_it() -> None:
    owner = training(status={"run": json.loads(json.dumps(run().to_json()))})
    plan = plan_training(TrainingSnapshot(owner, NOW, DENIED))
    assert not plan.apply and conditions(plan)["Stalled"] == ("True", "StoreNotAllowed")


def test_a_revision_that_was_recorded_serves_on_when_the_label_goes() -> None:
    world = Rollout()
    world.settle()
    before = dict(world.objects)
    plan = plan_deployment(replace(world.snapshot(), settings=DENIED))
    assert conditions(plan)["Stalled"][0] == "False" and conditions(plan)["Ready"][0] == "True"
    assert plan.apply and not plan.delete and world.objects == before
